// Counts the calls that were not accepted, by the upstream's code (or why there was no answer) and
// by caller. Memory is bounded: the pairs that were not met for longest are forgotten.
import type { EndedCall, SentCall } from "../../gateway/call-observer.js";
import { shownText } from "./shown-text.js";
import type { RefusalSnapshot } from "./snapshot.js";

const MOST_PAIRS = 200;
const CALLERS_PER_CALL = 20;
const SHOWN = 10;

const LONGEST_NAME = 64;
const LONGEST_CODE = 120;

interface Pair {
  readonly code: string;
  readonly caller: string;
  calls: number;
  devices: number;
  lastWallMs: number;
}

export class UnacceptedCalls {
  /** The latest last. */
  readonly #pairs = new Map<string, Pair>();

  /** To be called for a call that was not accepted. */
  add(call: SentCall, { code, cause, durationMs }: EndedCall): void {
    const why = shownText(code || cause || "no code", LONGEST_CODE);
    const lastWallMs = Math.round(call.sentWallMs + durationMs);
    let counted = 0;
    for (const [caller, devices] of call.devicesByCaller) {
      if (++counted > CALLERS_PER_CALL) break;
      const shown = shownText(caller, LONGEST_NAME);
      const key = `${why}\n${shown}`;
      const pair = this.#pairs.get(key) ?? { code: why, caller: shown, calls: 0, devices: 0, lastWallMs };
      this.#pairs.delete(key);
      this.#pairs.set(key, pair);
      pair.calls += 1;
      pair.devices += devices;
      pair.lastWallMs = lastWallMs;
    }
    for (const oldest of this.#pairs.keys()) {
      if (this.#pairs.size <= MOST_PAIRS) break;
      this.#pairs.delete(oldest);
    }
  }

  /** The latest first. */
  get latest(): RefusalSnapshot[] {
    return [...this.#pairs.values()].slice(-SHOWN).reverse();
  }
}
