// Computes when the upstream can have counted a call: at one moment between its sending and its
// answer, or, if no answer proves its arrival, until nothing of it can still be traveling. If the
// upstream was asserted to count on arrival, the moment may be known to lie earlier. Pure.
import type { Header, RecordedCall } from "./flight-record.js";
import type { Interval } from "./most-arrivals.js";

type Times = Pick<Header, "callTimeoutMs" | "marginMs">;

/**
 * The interval of a call; undefined if it never left this machine. `writtenUs`: a call in flight
 * then was not answered before.
 */
export function intervalOf(
  { sentUs, endedUs, arrivedByUs, kind }: RecordedCall,
  { callTimeoutMs, marginMs }: Times,
  writtenUs: number,
): Interval | undefined {
  switch (kind) {
    case "unwritten":
      return undefined;
    case "in-flight":
      return { fromUs: sentUs, toUs: Math.max(writtenUs, sentUs) };
    case "lost": {
      // A process that was paused in between gives its call up later than it should.
      const givenUpUs = endedUs ?? sentUs;
      // Rounding (see FLOAT_ERROR_US) may have put the beginning a microsecond late, so the end is
      // one earlier.
      return { fromUs: sentUs, toUs: Math.max(sentUs + (callTimeoutMs + marginMs) * 1000 - 1, givenUpUs) };
    }
    case "accepted":
    case "refused":
    case "throttled":
      return { fromUs: sentUs, toUs: arrivedByUs ?? endedUs ?? sentUs };
  }
}
