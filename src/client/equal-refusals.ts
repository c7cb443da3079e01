// Whole requests that the upstream refused one after the other for the same reason, which is not
// their devices: the rest of the list would be refused as well, each request at the price of a
// call.
import type { Failure } from "./failure.js";
import type { DeviceResult } from "./response.js";

/** The first can be the fault of a moment. */
const ENOUGH = 3;

export class EqualRefusals {
  #code: string | undefined;
  #inARow = 0;

  /**
   * A request has been answered by these results. Returns why no other will fare better, once that
   * is plain.
   */
  note(results: readonly DeviceResult[]): Failure | undefined {
    const [first] = results;
    if (!first) return undefined;
    const code = refusedBy(first);
    const isWhole = code !== undefined && results.every((each) => refusedBy(each) === code);
    this.#inARow = isWhole && code === this.#code ? this.#inARow + 1 : Number(isWhole);
    this.#code = isWhole ? code : undefined;
    return this.#inARow >= ENOUGH ? first.failure : undefined;
  }
}

/** The upstream's code, where it says nothing of a device. */
function refusedBy({ failure }: DeviceResult): string | undefined {
  if (failure?.reason !== "REJECTED" || !failure.upstreamCode) return undefined;
  return /device/i.test(failure.upstreamCode) ? undefined : failure.upstreamCode;
}
