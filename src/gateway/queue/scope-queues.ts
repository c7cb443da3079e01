// The scope queues of an account. Devices of one scope share a queue, with two exceptions: some
// callers are sent alone for a while, and devices of a refused batch are kept apart. Also records
// which scope queues have sent nothing lately.
import { type Scope, scopeKey } from "../command.js";
import type { Waiter } from "../waiter.js";
import type { Bisection } from "./bisection.js";
import type { QueueEntry } from "./queue-entry.js";
import type { ScopeQueue } from "./scope-queue.js";
import type { ScopeQueueId } from "./scope-queue-id.js";

/** A scope queue that has sent nothing for this long is a newcomer. */
const SILENT_MS = 1000;

export class ScopeQueues {
  readonly #make: (id: ScopeQueueId) => ScopeQueue;
  readonly #byKey = new Map<string, ScopeQueue>();
  /** Until when a caller is sent alone in a scope, by the key of its separate scope queue. */
  readonly #aloneUntilMs = new Map<string, number>();
  /** When each scope queue was last cut, oldest first. Times that no longer matter are dropped. */
  readonly #cutMs = new Map<string, number>();
  #apart = 0;

  constructor(make: (id: ScopeQueueId) => ScopeQueue) {
    this.#make = make;
  }

  [Symbol.iterator](): Iterator<ScopeQueue> {
    return this.#byKey.values();
  }

  /** The scope queue for a waiter: the one of its scope, or its caller's separate one. */
  forWaiter({ command: { scope, caller } }: Waiter, nowMs: number): ScopeQueue {
    const key = scopeKey(scope);
    if (this.#aloneUntilMs.size === 0) return this.get({ key, scope });
    const alone = aloneKey(key, caller);
    return this.get({ key: (this.#aloneUntilMs.get(alone) ?? nowMs) > nowMs ? alone : key, scope });
  }

  /** Where devices of the scope wait to be read. */
  unreadId(scope: Scope): ScopeQueueId {
    return { key: `${scopeKey(scope)}\n?`, scope, isUnread: true };
  }

  /** How many devices of the scope wait to be read. */
  unreadIn(scope: Scope): number {
    return this.#byKey.get(this.unreadId(scope).key)?.size ?? 0;
  }

  /** Every scope queue of that scope, also those of callers and devices apart. */
  ofScope(scope: Scope): ScopeQueue[] {
    const key = scopeKey(scope);
    return [...this.#byKey.values()].filter(({ id }) => id.key === key || id.key.startsWith(`${key}\n`));
  }

  /** The scope queue that all callers of the scope share; undefined if nothing waits there. */
  shared(scope: Scope): ScopeQueue | undefined {
    return this.#byKey.get(scopeKey(scope));
  }

  /** A new ID for devices that no others may join. */
  newId(scope: Scope, bisection: Bisection): ScopeQueueId {
    return { key: `${scopeKey(scope)}\n#${++this.#apart}`, scope, bisection };
  }

  /** The scope queue with this ID, for adding an entry. Creates it if it was empty. */
  get(id: ScopeQueueId): ScopeQueue {
    let scopeQueue = this.#byKey.get(id.key);
    if (!scopeQueue) {
      scopeQueue = this.#make(id);
      this.#byKey.set(id.key, scopeQueue);
    }
    return scopeQueue;
  }

  /** Removes an entry without waiting devices. Empty scope queues are dropped. */
  remove(entry: QueueEntry): void {
    const { scopeQueue } = entry;
    scopeQueue.remove(entry);
    if (scopeQueue.size === 0) this.#byKey.delete(scopeQueue.id.key);
  }

  /** Sends this caller alone in this scope until `untilMs`. */
  setAlone(scope: Scope, caller: string, untilMs: number, nowMs: number): void {
    for (const [key, endMs] of this.#aloneUntilMs) if (endMs <= nowMs) this.#aloneUntilMs.delete(key);
    this.#aloneUntilMs.set(aloneKey(scopeKey(scope), caller), untilMs);
  }

  /** Whether the scope queue has sent nothing for a second. */
  isSilent({ key }: ScopeQueueId, nowMs: number): boolean {
    return nowMs - (this.#cutMs.get(key) ?? -Infinity) >= SILENT_MS;
  }

  noteCut({ key }: ScopeQueueId, nowMs: number): void {
    this.#cutMs.delete(key); // keeps the map ordered by time
    this.#cutMs.set(key, nowMs);
    for (const [oldest, cutMs] of this.#cutMs) {
      if (nowMs - cutMs < SILENT_MS) break;
      this.#cutMs.delete(oldest);
    }
  }
}

function aloneKey(key: string, caller: string): string {
  return `${key}\n@${caller}`;
}
