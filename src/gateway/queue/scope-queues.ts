// Which devices may share a call: those of one scope, except that some callers are sent alone in it for a while, and
// that the devices of a refused batch are kept apart. Also knows which scope queues have sent nothing lately.
import { type Scope, scopeKey } from "../command.js";
import type { Waiter } from "../waiter.js";
import type { Bisection } from "./bisection.js";
import type { QueueEntry } from "./queue-entry.js";
import type { ScopeQueue, ScopeQueueId } from "./scope-queue.js";

/** A scope queue that has sent nothing for so long is a newcomer. */
const SILENT_MS = 1000;

export class ScopeQueues {
  readonly #make: (id: ScopeQueueId) => ScopeQueue;
  readonly #byKey = new Map<string, ScopeQueue>();
  /** Until when a caller is sent alone in a scope, by the key of the scope queue it has for itself. */
  readonly #aloneUntilMs = new Map<string, number>();
  /** When each scope queue was last cut, oldest first, as far back as it matters. */
  readonly #cutMs = new Map<string, number>();
  #apart = 0;

  constructor(make: (id: ScopeQueueId) => ScopeQueue) {
    this.#make = make;
  }

  [Symbol.iterator](): Iterator<ScopeQueue> {
    return this.#byKey.values();
  }

  /** The scope queue for a waiter's devices: that of its scope, or the one its caller has for itself. */
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

  /** The scope queue that all callers of the scope share, if anybody waits there. */
  shared(scope: Scope): ScopeQueue | undefined {
    return this.#byKey.get(scopeKey(scope));
  }

  /** For devices that nobody else may join. */
  newId(scope: Scope, bisection: Bisection): ScopeQueueId {
    return { key: `${scopeKey(scope)}\n#${++this.#apart}`, scope, bisection };
  }

  /** The scope queue itself, to put an entry in. A new one if it has become empty. */
  get(id: ScopeQueueId): ScopeQueue {
    let scopeQueue = this.#byKey.get(id.key);
    if (!scopeQueue) {
      scopeQueue = this.#make(id);
      this.#byKey.set(id.key, scopeQueue);
    }
    return scopeQueue;
  }

  /** Takes out an entry none of whose devices waits any more. Empty scope queues are forgotten. */
  remove(entry: QueueEntry): void {
    const { scopeQueue } = entry;
    scopeQueue.remove(entry);
    if (scopeQueue.size === 0) this.#byKey.delete(scopeQueue.id.key);
  }

  /** From now until then, nobody shares a call of this scope with this caller. */
  setAlone(scope: Scope, caller: string, untilMs: number, nowMs: number): void {
    for (const [key, endMs] of this.#aloneUntilMs) if (endMs <= nowMs) this.#aloneUntilMs.delete(key);
    this.#aloneUntilMs.set(aloneKey(scopeKey(scope), caller), untilMs);
  }

  /** Whether the scope queue has sent nothing for a second. */
  isSilent({ key }: ScopeQueueId, nowMs: number): boolean {
    return nowMs - (this.#cutMs.get(key) ?? -Infinity) >= SILENT_MS;
  }

  noteCut({ key }: ScopeQueueId, nowMs: number): void {
    this.#cutMs.delete(key); // keeps the map in the order of time
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
