// Everything that reads which devices exist, for one account: cancels with stale names and checks
// share the two reading operations.
import type { ReportOptions } from "../call/call-report.js";
import type { Callers } from "../queue/scheduler.js";
import { DeviceCheck } from "./device-check.js";
import { type DeviceReadings, DeviceReads } from "./device-reads.js";
import { ReadAhead, type ReadAheadOptions } from "./read-ahead.js";

export interface ExistenceOptions
  extends Pick<ReportOptions, "account" | "clock" | "log">,
    Omit<ReadAheadOptions, "wake"> {
  readonly callers: Callers;
  readonly deviceReadings: DeviceReadings;
}

export class Existence {
  readonly readAhead: ReadAhead;
  readonly deviceCheck: DeviceCheck;
  readonly #deviceReads: DeviceReads;

  constructor({ deviceReadings, ...options }: ExistenceOptions) {
    const wake = () => this.wake();
    this.readAhead = new ReadAhead({ ...options, wake });
    this.deviceCheck = new DeviceCheck({ ...options, room: deviceReadings.details.reader.room, wake });
    this.#deviceReads = new DeviceReads({
      ...{ ...options, ...deviceReadings },
      ...{ cancels: this.readAhead, checks: this.deviceCheck },
    });
  }

  /** To be called when devices wait that may have to be read. */
  wake(): void {
    this.#deviceReads.wake();
  }

  /** Waits for the calls under way. */
  async close(): Promise<void> {
    await this.#deviceReads.close();
    this.readAhead.close();
  }
}
