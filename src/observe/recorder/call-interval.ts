// When the upstream can have counted a call: at one moment from its sending to its answer; or, if no answer
// proves that it had arrived, until nothing of it can still be travelling. Pure.
import type { Header, RecordedCall } from "./flight-record.js";
import type { Interval } from "./most-arrivals.js";

type Times = Pick<Header, "callTimeoutMs" | "marginMs">;

/** Undefined for a call that never left this machine. `writtenUs`: what is in flight then has not been answered before. */
export function intervalOf(
  { sentUs, endedUs, kind }: RecordedCall,
  { callTimeoutMs, marginMs }: Times,
  writtenUs: number,
): Interval | undefined {
  switch (kind) {
    case "unwritten":
      return undefined;
    case "in-flight":
      return { fromUs: sentUs, toUs: Math.max(writtenUs, sentUs) };
    case "lost": {
      // A process that was stopped meanwhile gives its call up later than it should.
      const givenUpUs = endedUs ?? sentUs;
      // Rounding, see FLOAT_ERROR_US, may have put the beginning a microsecond late: not the end as well.
      return { fromUs: sentUs, toUs: Math.max(sentUs + (callTimeoutMs + marginMs) * 1000 - 1, givenUpUs) };
    }
    case "accepted":
    case "refused":
    case "throttled":
      return { fromUs: sentUs, toUs: endedUs ?? sentUs };
  }
}
