// Makes the reading calls: which of two operations reads, and whose devices are read next. The
// faster operation is used only after a trial has shown that it omits devices that do not exist.
import { CallLoop } from "../call/call-loop.js";
import type { ReportOptions } from "../call/call-report.js";
import { LOWER_CLASS_EVERY, type Priority } from "../command.js";
import type { DeviceReadEnd, DeviceReader } from "../device-reader.js";
import type { Limiter } from "../limiter.js";
import type { Refusal } from "../upstream.js";
import { askedBy, type DeviceBatch, SentDeviceBatch } from "./device-batch.js";
import type { DeviceSource, ReadingName } from "./device-source.js";

/** One of the reading operations, with a limiter of its own. */
export interface DeviceReading extends Pick<ReportOptions, "operation" | "observers"> {
  readonly reader: DeviceReader;
  readonly limiter: Limiter;
}

/** How devices are read. */
export type DeviceReadings = Readonly<Record<ReadingName, DeviceReading>>;

export interface DeviceReadsOptions extends DeviceReadings, Pick<ReportOptions, "account" | "clock" | "log"> {
  /** Goes first. */
  readonly cancels: DeviceSource;
  /** Gets what the cancels leave, and one call in so many. */
  readonly checks: DeviceSource;
}

type ReadingLoop = CallLoop<DeviceBatch, SentDeviceBatch, DeviceReadEnd>;

/** The wait before devices are read again, after a failure that passes by itself. */
const READ_AGAIN_MS = 1000;

export class DeviceReads {
  readonly #options: DeviceReadsOptions;
  readonly #loops: Readonly<Record<ReadingName, ReadingLoop>>;
  readonly #told = new Set<ReadingName>();
  /** Whether `states` omits devices that do not exist. */
  #states: "unknown" | "asked" | "omits" | "no-use" = "unknown";
  #trial: DeviceBatch | undefined;
  readonly #underWay = new Map<DeviceSource, number>();
  #cutsSinceCheck = 0;

  constructor(options: DeviceReadsOptions) {
    this.#options = options;
    this.#loops = { details: this.#loopOf("details"), states: this.#loopOf("states") };
    for (const loop of Object.values(this.#loops)) loop.start();
  }

  /** To be called when devices wait that may have to be read. */
  wake(): void {
    if (!this.#highest) return;
    for (const loop of Object.values(this.#loops)) loop.wake();
  }

  /** Waits for the calls under way. */
  async close(): Promise<void> {
    const { details, states } = this.#options;
    await Promise.all(Object.values(this.#loops).map((loop) => loop.close()));
    await Promise.all([details.limiter.close(), states.limiter.close()]);
  }

  get #highest(): Priority | undefined {
    const { cancels, checks } = this.#options;
    return cancels.highestUnread ?? checks.highestUnread;
  }

  #loopOf(name: ReadingName): ReadingLoop {
    const { account, clock, log, [name]: reading } = this.#options;
    return new CallLoop({
      ...{ account, clock, log, ...reading },
      wish: () => {
        if (name === "states" && this.#trial) return { priority: "normal", newcomer: false };
        const isUsed = (this.#states === "omits" ? "states" : "details") === name;
        const priority = this.#highest;
        return isUsed && priority ? { priority, newcomer: false } : undefined;
      },
      cut: () => this.#cut(name),
      putBack: (batch) => this.#putBack(batch),
      begin: (batch, sentMs) => {
        this.#count(batch, 1);
        return new SentDeviceBatch(batch, sentMs);
      },
      send: (batch, sentMs) => {
        const { scope, names } = askedBy(batch);
        return reading.reader.read(scope, names, sentMs);
      },
      conclude: async ({ batch }, end) => {
        this.#count(batch, -1);
        await this.#conclude(name, batch, end);
      },
    });
  }

  #count(batch: DeviceBatch, more: number): void {
    if (batch.kind === "devices") this.#underWay.set(batch.source, (this.#underWay.get(batch.source) ?? 0) + more);
  }

  #cut(name: ReadingName): DeviceBatch | undefined {
    if (name === "states" && this.#trial) {
      const trial = this.#trial;
      this.#trial = undefined;
      return trial;
    }
    const { cancels, checks } = this.#options;
    const isCheckDue = checks.highestUnread && this.#cutsSinceCheck >= LOWER_CLASS_EVERY - 1;
    for (const source of isCheckDue ? [checks, cancels] : [cancels, checks]) {
      const batch = source.cut(name, this.#options[name].reader.room);
      if (!batch) continue;
      this.#cutsSinceCheck = source === cancels && checks.highestUnread ? this.#cutsSinceCheck + 1 : 0;
      return { kind: "devices", source, ...batch };
    }
    return undefined;
  }

  #putBack(batch: DeviceBatch): void {
    if (batch.kind === "trial") this.#trial = batch;
    else batch.source.putBack(batch);
  }

  async #conclude(name: ReadingName, batch: DeviceBatch, end: DeviceReadEnd): Promise<void> {
    if (end.kind === "accepted" && end.found) {
      const { found, requestId } = end;
      if (batch.kind === "devices") {
        const isMoreUnderWay = (this.#underWay.get(batch.source) ?? 0) > 0;
        const devicesPerCall = this.#options[name].reader.room.devices;
        batch.source.noteFound(batch, { found, requestId, isMoreUnderWay, devicesPerCall });
        this.#proposeTrial(batch, found);
      } else {
        this.#states = found.has(batch.existing) && !found.has(batch.missing) ? "omits" : "no-use";
      }
    } else if (end.kind === "refused" && end.refusal.reaction.kind === "throttled") {
      this.#putBack(batch);
    } else {
      await this.#fail(name, batch, end);
    }
    this.wake();
  }

  /** Shows what `states` does with a device that does not exist. */
  #proposeTrial(
    { devices, scopeQueue: { scope } }: DeviceBatch & { kind: "devices" },
    found: ReadonlySet<string>,
  ): void {
    if (this.#states !== "unknown") return;
    const existing = devices.find(({ name }) => found.has(name))?.name;
    const missing = devices.find(({ name }) => !found.has(name))?.name;
    if (existing === undefined || missing === undefined) return;
    this.#states = "asked";
    this.#trial = { kind: "trial", scope, existing, missing };
    this.#loops.states.wake();
  }

  /** A reading told nothing: the slower operation goes on alone, or its source takes over. */
  async #fail(name: ReadingName, batch: DeviceBatch, end: DeviceReadEnd): Promise<void> {
    const { log, account, [name]: reading } = this.#options;
    const isForbidden = end.kind === "refused" && isForbiddenBy(end.refusal);
    const permission = `iot:${reading.operation}`;
    if (isForbidden && !this.#told.has(name)) {
      this.#told.add(name);
      const about = { account, operation: reading.operation, permission, code: end.refusal.code };
      log.warn(about, "devices may not be read; stale names cost canceling calls");
    }
    if (name === "states") {
      // A passing failure says nothing about the operation, so it is tried again later.
      const isFinal = end.kind === "accepted" || (end.kind === "refused" && end.refusal.reaction.kind === "rejected");
      this.#states = isFinal ? "no-use" : "unknown";
      if (batch.kind === "devices") batch.source.putBack(batch);
    } else if (batch.kind === "devices") {
      const backoff = () => this.#loops[name].sleep(READ_AGAIN_MS);
      await batch.source.noteFailed(batch, { end, backoff, ...(isForbidden && { permission }) });
    }
  }
}

function isForbiddenBy({ reaction }: Refusal): boolean {
  return reaction.kind === "rejected" && reaction.rejection === "forbidden";
}
