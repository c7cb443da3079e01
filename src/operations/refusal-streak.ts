// Consecutive calls that the cloud refused as a whole: three of them say that it would refuse all
// others. An accepted device starts the count again.
import type { DeviceOutcome } from "../gateway/device-outcome.js";
import type { Failure } from "../gateway/failures.js";

/** Consecutive refusals of the whole request that end the operation. */
const MOST_REFUSALS = 3;

export class RefusalStreak {
  readonly #requestIds = new Set<string>();

  /** Returns the failure of all others if this one completes the streak. */
  note(outcome: DeviceOutcome): Failure | undefined {
    // Clearing even an empty set takes memory (docs/adr/0021).
    if (outcome.kind === "accepted" && this.#requestIds.size > 0) this.#requestIds.clear();
    if (outcome.kind !== "rejected") return undefined;
    const { failure } = outcome;
    if (failure.kind !== "rejected" || !failure.requestWide) return undefined;
    this.#requestIds.add(failure.upstream?.requestId ?? "");
    return this.#requestIds.size >= MOST_REFUSALS ? failure : undefined;
  }
}
