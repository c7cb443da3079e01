// Which devices may share a call: those of one scope, but for callers who have to ride alone in it and
// devices that are being told apart. Knows too which lanes have been silent.
import type { Scope } from "../command.js";
import type { Room } from "../upstream.js";
import type { Waiter } from "../waiter.js";
import type { Isolation } from "./bisection.js";
import { Lane } from "./scope-queue.js";

/** A lane that has sent nothing for so long is a newcomer. */
const SILENT_MS = 1000;

export class Lanes {
  readonly #devicesPerCall: number;
  readonly #lanes = new Map<string, Lane>();
  /** Until when a caller rides alone in a scope, by the key of the lane it has for itself. */
  readonly #aloneUntilMs = new Map<string, number>();
  /** When each lane was last cut, oldest first, as far back as it matters. */
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

  [Symbol.iterator](): Iterator<Lane> {
    return this.#lanes.values();
  }

  /** The lane where a waiter's devices wait: that of its scope, or the one its caller has for itself. */
  laneOf({ command: { scope, caller } }: Waiter, nowMs: number): Lane {
    const key = keyOf(scope);
    if (this.#aloneUntilMs.size === 0) return this.#lane(key, scope);
    const alone = aloneKey(key, caller);
    return this.#lane((this.#aloneUntilMs.get(alone) ?? nowMs) > nowMs ? alone : key, scope);
  }

  /** The lane of that scope which everybody shares, if anybody waits there. */
  sharedLane(scope: Scope): Lane | undefined {
    return this.#lanes.get(keyOf(scope));
  }

  /** A new lane that nobody else joins. `again` makes it one of the lanes: perhaps nobody waits to be put there. */
  laneApart(scope: Scope, isolation: Isolation): Lane {
    return new Lane(`${keyOf(scope)}\n#${++this.#apart}`, scope, isolation);
  }

  /** The same lane again, which may be new, or have become empty since. */
  again({ key, scope, isolation }: Lane): Lane {
    return this.#lane(key, scope, isolation);
  }

  /** From now until then, nobody shares a call of this scope with this caller. */
  setAlone(scope: Scope, caller: string, untilMs: number, nowMs: number): void {
    for (const [key, endMs] of this.#aloneUntilMs) if (endMs <= nowMs) this.#aloneUntilMs.delete(key);
    this.#aloneUntilMs.set(aloneKey(keyOf(scope), caller), untilMs);
  }

  /** Whether the lane has sent nothing for a second. */
  isSilent({ key }: Lane, nowMs: number): boolean {
    return nowMs - (this.#cutMs.get(key) ?? -Infinity) >= SILENT_MS;
  }

  noteCut({ key }: Lane, nowMs: number): void {
    this.#cutMs.delete(key); // so that the map stays in the order of time
    this.#cutMs.set(key, nowMs);
    for (const [oldest, cutMs] of this.#cutMs) {
      if (nowMs - cutMs < SILENT_MS) break;
      this.#cutMs.delete(oldest);
    }
  }

  /** Changes how many devices wait in a lane; empty lanes are forgotten. */
  resize<T>(lane: Lane, change: () => T): T {
    const callsFor = () => Math.ceil(lane.size / this.#devicesPerCall);
    this.#calls -= callsFor();
    const result = change();
    this.#calls += callsFor();
    if (lane.size === 0) this.#lanes.delete(lane.key);
    return result;
  }

  #lane(key: string, scope: Scope, isolation?: Isolation): Lane {
    let lane = this.#lanes.get(key);
    if (!lane) {
      lane = new Lane(key, scope, isolation);
      this.#lanes.set(key, lane);
    }
    return lane;
  }
}

/** No field may contain a line break, so no two scopes have the same key. */
function keyOf({ iotInstanceId, productKey, firmwareId, jobId }: Scope): string {
  return `${iotInstanceId}\n${productKey}\n${firmwareId}\n${jobId}`;
}

function aloneKey(key: string, caller: string): string {
  return `${key}\n@${caller}`;
}
