// Devices that wait to be read, for one of the purposes that share the reading operations, and what
// that purpose does with an answer.
import type { Priority } from "../command.js";
import type { DeviceReadEnd } from "../device-reader.js";
import type { Batch } from "../queue/queue.js";
import type { Room } from "../upstream.js";

/** `details` is documented to omit devices that do not exist; `states` is faster. */
export type ReadingName = "details" | "states";

export type DevicesToRead = Pick<Batch, "devices" | "scopeQueue">;

/** An answer that was understood. */
export interface DevicesFound {
  readonly found: ReadonlySet<string>;
  readonly requestId: string;
  /** Whether other calls of this source are under way. */
  readonly isMoreUnderWay: boolean;
  /** How many devices one of them can hold. */
  readonly devicesPerCall: number;
}

/** A reading that told nothing. */
export interface FailedReading {
  readonly end: DeviceReadEnd;
  /** Set if the account's keys may not read: the permission that they lack. */
  readonly permission?: string;
  /** Waits before the devices are read again; closing ends the wait. */
  readonly backoff: () => Promise<void>;
}

export interface DeviceSource {
  /** The highest class that waits to be read; undefined if nothing does. */
  readonly highestUnread: Priority | undefined;
  /** Takes the devices of the next call; undefined if none can be read in time. */
  cut(operation: ReadingName, room: Room): DevicesToRead | undefined;
  /** These devices wait again, before others. */
  putBack(batch: DevicesToRead): void;
  noteFound(batch: DevicesToRead, answer: DevicesFound): void;
  noteFailed(batch: DevicesToRead, failed: FailedReading): Promise<void>;
}
