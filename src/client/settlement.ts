// Decides what the answer to one request on the stream means for its devices: each has a result, or
// is sent again. Pure.
import type { StreamCancelTasksByDeviceResponse_Answer as Answer } from "../gen/ota/v1/ota_service.js";
import { type Failure, failureOf } from "./failure.js";
import { cancelResponseOf, type DeviceResult, type UpstreamCall } from "./response.js";

export interface Settlement {
  readonly results: readonly DeviceResult[];
  readonly calls: readonly UpstreamCall[];
  /** Devices to send again, with the reason why it failed this time. */
  readonly again?: {
    readonly names: readonly string[];
    readonly failure: Failure;
    /** Whether one of them may have been carried out. */
    readonly mayHaveBeenSent: boolean;
  };
  /**
   * Devices refused together with others; the one at fault can only be found by sending them
   * separately.
   */
  readonly undecided?: { readonly names: readonly string[]; readonly failure: Failure };
  /** Why no such request can ever work: the reason holds for every other device too. */
  readonly refused?: Failure;
  /** The request had more devices than this gateway accepts. */
  readonly isTooLarge?: true;
}

/** Reasons that pass by themselves. */
const PASSING: ReadonlySet<string> = new Set(["OVERLOADED", "DRAINING", "THROTTLED", "UNAVAILABLE"]);

/** Reasons that concern the scope and the caller, never a device. */
const NEVER_ACCEPTED: ReadonlySet<string> = new Set(["INVALID_REQUEST", "UNAUTHENTICATED", "FORBIDDEN"]);

/** `isLast`: nothing is sent again, so every device has its result. */
export function settlementOf({ result, failedResponse }: Answer, names: readonly string[], isLast = false): Settlement {
  const error = result?.$case === "error" ? failureOf(result.error) : undefined;
  const told = result?.$case === "response" ? result.response : failedResponse;
  if (told) {
    const { results, calls } = cancelResponseOf(told);
    if (isLast) return { results, calls };
    const [again, undecided] = [someOf(results, isPassing, error), someOf(results, isUndecided)];
    return {
      results: results.filter((each) => !isPassing(each) && !isUndecided(each)),
      calls,
      ...(again && { again }),
      ...(undecided && { undecided }),
    };
  }
  const failure = error ?? failureOf({ code: 2, message: "an answer without a result", details: [] });
  const nothing = { results: [], calls: [] };
  if (!isLast && PASSING.has(failure.reason)) return { ...nothing, again: { names, failure, mayHaveBeenSent: false } };
  if (!isLast && isTooLarge(failure) && names.length > 1) return { ...nothing, isTooLarge: true };
  // Other reasons mean that the request was not admitted, so nothing of it was sent.
  const wasLetIn = failure.reason === "INTERNAL" || failure.reason === "TRANSPORT";
  const outcome = wasLetIn ? "UNKNOWN" : "NOT_ATTEMPTED";
  const results = names.map((deviceName) => ({ deviceName, outcome, ok: false, failure }) as const);
  return { results, calls: [], ...(NEVER_ACCEPTED.has(failure.reason) && { refused: failure }) };
}

function isPassing({ failure }: DeviceResult): boolean {
  return failure !== undefined && PASSING.has(failure.reason);
}

function isUndecided({ failure }: DeviceResult): boolean {
  return failure?.reason === "BATCH_REJECTED";
}

/** Picks the results that match; undefined if there are none. */
function someOf(results: readonly DeviceResult[], are: (result: DeviceResult) => boolean, why?: Failure) {
  const some = results.filter(are);
  const failure = why ?? some[0]?.failure;
  if (some.length === 0 || !failure) return undefined;
  const mayHaveBeenSent = some.some(({ outcome }) => outcome === "UNKNOWN");
  return { names: some.map(({ deviceName }) => deviceName), failure, mayHaveBeenSent };
}

/**
 * Whether a request was refused for its length, the only limit on the list as a whole. It differs
 * between gateways. Each name has been checked before.
 */
export function isTooLarge({ violations }: Failure): boolean {
  return violations.length === 1 && violations[0]?.field === "device_names";
}
