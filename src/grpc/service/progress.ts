// How far a stream is: requests and devices as they are taken and settled. Its client is told at the most twice a
// second, until none waits, and not while it leaves unread what it was told before.
import type { Clock } from "../../base/clock.js";
import type { StreamCancelTasksByDeviceResponse_Progress as Report } from "../../gen/ota/v1/ota_service.js";
import { durationOf } from "../wire/details.js";

const PERIOD_MS = 500;

export interface ProgressOptions {
  readonly clock: Clock;
  /** How long the devices that wait can be expected to take. */
  readonly remainingMs: () => number;
  /** Why nothing goes on at the moment; empty if there is no reason. */
  readonly obstacle: () => string;
  /** Whether the client has more to read than it takes. */
  readonly isUnread: () => boolean;
  readonly tell: (report: Report) => void;
}

export class StreamProgress {
  readonly #options: ProgressOptions;
  #waitingRequests = 0;
  #received = 0;
  #settled = 0;
  #toldMs = -Infinity;
  #disarm: (() => void) | undefined;

  constructor(options: ProgressOptions) {
    this.#options = options;
  }

  get waitingDevices(): number {
    return this.#received - this.#settled;
  }

  /** A request with so many devices waits from now on. */
  taken(devices: number): void {
    this.#waitingRequests += 1;
    this.#received += devices;
  }

  /** One waits no more. */
  settled(devices: number): void {
    this.#waitingRequests -= 1;
    this.#settled += devices;
  }

  /** Tells what has changed by now, when it is time. */
  tellInTime(): void {
    const { clock, isUnread, tell } = this.#options;
    if (this.#disarm || this.#waitingRequests === 0) return;
    this.#disarm = clock.at(Math.max(this.#toldMs + PERIOD_MS, clock.now()), () => {
      this.#disarm = undefined;
      this.#toldMs = clock.now();
      if (!isUnread()) tell(this.#report());
      this.tellInTime();
    });
  }

  /** Nothing is told any more. */
  close(): void {
    this.#disarm?.();
  }

  #report(): Report {
    return {
      devicesReceived: BigInt(this.#received),
      devicesSettled: BigInt(this.#settled),
      devicesWaiting: BigInt(this.waitingDevices),
      expectedRemaining: durationOf(this.#options.remainingMs()),
      obstacle: this.#options.obstacle(),
    };
  }
}
