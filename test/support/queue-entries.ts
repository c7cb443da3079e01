// Entries and scope queues for tests that need no whole queue around them.
import type { Command } from "../../src/gateway/command.js";
import { QueueEntry } from "../../src/gateway/queue/queue-entry.js";
import { ScopeQueue } from "../../src/gateway/queue/scope-queue.js";
import { aWaiter, SCOPE } from "./fake-command.js";

/** A scope queue whose counts are not kept. */
export function aScopeQueue(weightOf: (caller: string) => number = () => 1): ScopeQueue {
  return new ScopeQueue({ key: "key", scope: SCOPE }, { change: () => {} }, weightOf);
}

/** A new waiter's entry in a scope queue that it has not been added to. */
export function anEntry(command: Partial<Command> = {}, arrivedMs = 0, scopeQueue = aScopeQueue()): QueueEntry {
  return new QueueEntry(aWaiter(command, arrivedMs), scopeQueue, 0);
}
