// Which devices may share a call: those of one scope, but for callers who have to be sent alone in it and
// devices that are being told apart. Knows too which scope queues have been silent.
import type { Scope } from "../command.js";
import type { Room } from "../upstream.js";
import type { Waiter } from "../waiter.js";
import type { Bisection } from "./bisection.js";
import { ScopeQueue } from "./scope-queue.js";

/** A scope queue that has sent nothing for so long is a newcomer. */
const SILENT_MS = 1000;

export class ScopeQueues {
  readonly #devicesPerCall: number;
  readonly #scopeQueues = new Map<string, ScopeQueue>();
  /** Until when a caller is sent alone in a scope, by the key of the scope queue it has for itself. */
  readonly #aloneUntilMs = new Map<string, number>();
  /** When each scope queue was last cut, oldest first, as far back as it matters. */
  readonly #cutMs = new Map<string, number>();
  #calls = 0;
  #apart = 0;

  constructor({ devices }: Room) {
    this.#devicesPerCall = devices;
  }

  /** Calls it takes to send everything that waits. */
  get calls(): number {
    return this.#calls;
  }

  [Symbol.iterator](): Iterator<ScopeQueue> {
    return this.#scopeQueues.values();
  }

  /** The scope queue where a waiter's devices wait: that of its scope, or the one its caller has for itself. */
  scopeQueueOf({ command: { scope, caller } }: Waiter, nowMs: number): ScopeQueue {
    const key = keyOf(scope);
    if (this.#aloneUntilMs.size === 0) return this.#scopeQueue(key, scope);
    const alone = aloneKey(key, caller);
    return this.#scopeQueue((this.#aloneUntilMs.get(alone) ?? nowMs) > nowMs ? alone : key, scope);
  }

  /** The scope queue where devices of that scope wait to be read. */
  unreadQueue(scope: Scope): ScopeQueue {
    return this.#scopeQueue(unreadKey(scope), scope, { isUnread: true });
  }

  /** How many devices of that scope wait to be read. */
  unreadIn(scope: Scope): number {
    return this.#scopeQueues.get(unreadKey(scope))?.size ?? 0;
  }

  /** Every scope queue of that scope, also those of callers and devices apart. */
  ofScope(scope: Scope): ScopeQueue[] {
    const key = keyOf(scope);
    return [...this.#scopeQueues.values()].filter((each) => each.key === key || each.key.startsWith(`${key}\n`));
  }

  /** The scope queue of that scope which everybody shares, if anybody waits there. */
  sharedQueue(scope: Scope): ScopeQueue | undefined {
    return this.#scopeQueues.get(keyOf(scope));
  }

  /**
   * A new scope queue that nobody else joins. `again` makes it one of the scope queues: perhaps nobody waits to be put
   * there.
   */
  separateQueue(scope: Scope, bisection: Bisection): ScopeQueue {
    return new ScopeQueue(`${keyOf(scope)}\n#${++this.#apart}`, scope, { bisection });
  }

  /** The same scope queue again, which may be new, or have become empty since. */
  again({ key, scope, bisection }: ScopeQueue): ScopeQueue {
    return this.#scopeQueue(key, scope, { bisection });
  }

  /** From now until then, nobody shares a call of this scope with this caller. */
  setAlone(scope: Scope, caller: string, untilMs: number, nowMs: number): void {
    for (const [key, endMs] of this.#aloneUntilMs) if (endMs <= nowMs) this.#aloneUntilMs.delete(key);
    this.#aloneUntilMs.set(aloneKey(keyOf(scope), caller), untilMs);
  }

  /** Whether the scope queue has sent nothing for a second. */
  isSilent({ key }: ScopeQueue, nowMs: number): boolean {
    return nowMs - (this.#cutMs.get(key) ?? -Infinity) >= SILENT_MS;
  }

  noteCut({ key }: ScopeQueue, nowMs: number): void {
    this.#cutMs.delete(key); // so that the map stays in the order of time
    this.#cutMs.set(key, nowMs);
    for (const [oldest, cutMs] of this.#cutMs) {
      if (nowMs - cutMs < SILENT_MS) break;
      this.#cutMs.delete(oldest);
    }
  }

  /** Changes how many devices wait in a scope queue; empty scope queues are forgotten. */
  resize<T>(scopeQueue: ScopeQueue, change: () => T): T {
    const callsFor = () => Math.ceil(scopeQueue.size / this.#devicesPerCall);
    this.#calls -= callsFor();
    const result = change();
    this.#calls += callsFor();
    if (scopeQueue.size === 0) this.#scopeQueues.delete(scopeQueue.key);
    return result;
  }

  #scopeQueue(key: string, scope: Scope, apart?: ConstructorParameters<typeof ScopeQueue>[2]): ScopeQueue {
    let scopeQueue = this.#scopeQueues.get(key);
    if (!scopeQueue) {
      scopeQueue = new ScopeQueue(key, scope, apart);
      this.#scopeQueues.set(key, scopeQueue);
    }
    return scopeQueue;
  }
}

/** No field may contain a line break, so no two scopes have the same key. */
function keyOf({ iotInstanceId, productKey, firmwareId, jobId }: Scope): string {
  return `${iotInstanceId}\n${productKey}\n${firmwareId}\n${jobId}`;
}

function aloneKey(key: string, caller: string): string {
  return `${key}\n@${caller}`;
}

function unreadKey(scope: Scope): string {
  return `${keyOf(scope)}\n?`;
}
