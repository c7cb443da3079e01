// The seam to work that outlives its request (operations/): it learns of each device as soon as it
// is settled, and decides until when its devices may be sent.
import type { DeviceOutcome } from "./device-outcome.js";

export interface Follower {
  /** Nothing is sent from then on. Monotonic; may change at any time. */
  readonly sendUntilMs: number;
  /** A call with devices of the request is sent. Its wall-clock time identifies the call. */
  sent(sentWallMs: number): void;
  /** The device at this index has its final outcome. Must be quick and must not throw. */
  settled(index: number, outcome: DeviceOutcome): void;
}
