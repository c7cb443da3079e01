// Reports the progress of a stream: devices received and settled. A report goes out at most twice a
// second while requests wait, and none while the client has not read the one before.
import type { Clock } from "../../base/clock.js";
import type { StreamCancelTasksByDeviceResponse_Progress as Report } from "../../gen/ota/v1/ota_service.js";
import { durationOf } from "../wire/details.js";

const PERIOD_MS = 500;

export interface ProgressOptions {
  readonly clock: Clock;
  /** How long the waiting devices are expected to take; Infinity if that cannot be foreseen. */
  readonly remainingMs: () => number;
  /** Why nothing is being done at the moment; empty if nothing is in the way. */
  readonly obstacle: () => string;
  /** Whether the client has not read what it was sent. */
  readonly isUnread: () => boolean;
  readonly report: (report: Report) => void;
}

export class StreamProgress {
  readonly #options: ProgressOptions;
  #waitingRequests = 0;
  #received = 0;
  #settled = 0;
  #reportedMs = -Infinity;
  #disarm: (() => void) | undefined;

  constructor(options: ProgressOptions) {
    this.#options = options;
  }

  get waitingDevices(): number {
    return this.#received - this.#settled;
  }

  /** A request with this many devices waits from now on. */
  taken(devices: number): void {
    this.#waitingRequests += 1;
    this.#received += devices;
  }

  /** One of them has been answered. */
  settled(devices: number): void {
    this.#waitingRequests -= 1;
    this.#settled += devices;
  }

  /** Sends a report as soon as one may be sent. */
  reportInTime(): void {
    const { clock, isUnread, report } = this.#options;
    if (this.#disarm || this.#waitingRequests === 0) return;
    this.#disarm = clock.at(Math.max(this.#reportedMs + PERIOD_MS, clock.now()), () => {
      this.#disarm = undefined;
      this.#reportedMs = clock.now();
      if (!isUnread()) report(this.#progress());
      this.reportInTime();
    });
  }

  /** Sends no more reports. */
  close(): void {
    this.#disarm?.();
  }

  #progress(): Report {
    return {
      devicesReceived: BigInt(this.#received),
      devicesSettled: BigInt(this.#settled),
      devicesWaiting: BigInt(this.waitingDevices),
      expectedRemaining: durationOf(this.#options.remainingMs()),
      obstacle: this.#options.obstacle(),
    };
  }
}
