// Counts the calls of one operation beside the cancels by device, for the page. These calls have a
// ledger of their own, and are in no other number of the page.
import type { CallObserver, EndedCall, SentCall } from "../../gateway/call-observer.js";
import type { LedgerState } from "../../gateway/limiter.js";
import { LastMinute } from "./last-minute.js";
import { shownText } from "./shown-text.js";
import type { ReadingSnapshot } from "./snapshot.js";

const LONGEST_CODE = 120;

export class ReadFeed implements CallObserver {
  readonly #calls = new LastMinute();
  #accepted = 0;
  #others = 0;
  #code = "";

  sent({ sentMs }: Pick<SentCall, "sentMs">): void {
    this.#calls.add(sentMs, 1);
  }

  ended(_: unknown, { kind, code, cause }: EndedCall): void {
    if (kind === "accepted") {
      this.#accepted += 1;
      return;
    }
    this.#others += 1;
    this.#code = shownText(code || cause || "no code", LONGEST_CODE);
  }

  snapshot(operation: string, ledger: Pick<LedgerState, "mode" | "callsPerSecond">, nowMs: number): ReadingSnapshot {
    return {
      operation,
      mode: ledger.mode,
      limit: ledger.callsPerSecond,
      callsLastMinute: this.#calls.total(nowMs),
      accepted: this.#accepted,
      notAccepted: this.#others,
      ...(this.#code && { lastCode: this.#code }),
    };
  }
}
