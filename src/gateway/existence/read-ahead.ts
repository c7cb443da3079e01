// Tells stale names apart by reading, where halving refused calls would cost the quota of the
// cancels. The devices of a refused call are read, and from then on those of the callers whose
// devices are missing, before they are sent. A device is rejected only if a reading asked for it
// and did not find it. Halving handles what reading cannot explain, and everything while nothing
// can be read.
import { CallLoop } from "../call/call-loop.js";
import type { ReportOptions } from "../call/call-report.js";
import type { DeviceReadEnd, DeviceReader } from "../device-reader.js";
import type { Limiter } from "../limiter.js";
import type { BatchDevice } from "../queue/batch.js";
import type { Batch, Queue } from "../queue/queue.js";
import type { CallEnd, Refusal, Room } from "../upstream.js";
import type { DeviceOutcome } from "../waiter.js";
import { askedBy, countByCaller, type DeviceBatch, SentDeviceBatch } from "./device-batch.js";
import { FoundNames } from "./found-names.js";
import { GatheredDevices } from "./gathered-devices.js";

/** One of the reading operations, with a limiter of its own. */
export interface DeviceReading extends Pick<ReportOptions, "operation" | "observers"> {
  readonly reader: DeviceReader;
  readonly limiter: Limiter;
}

/** How devices are read. */
export interface DeviceReadings {
  /** Omits devices that do not exist: documented. */
  readonly details: DeviceReading;
  /** Faster, and used once it has been seen to omit them. */
  readonly states: DeviceReading;
}

export interface ReadAheadOptions extends DeviceReadings, Pick<ReportOptions, "account" | "clock" | "log"> {
  readonly queue: Queue;
  /** How many devices a canceling call takes. */
  readonly devicesPerCall: number;
  readonly answerMs: () => number;
  /** Devices wait to be sent that did not before. */
  readonly released: () => void;
}

type ReadingName = keyof DeviceReadings;
type ReadingLoop = CallLoop<DeviceBatch, SentDeviceBatch, DeviceReadEnd>;
type Devices = Pick<Batch, "devices" | "scopeQueue">;

/**
 * The devices of a caller are read before they are sent for so long after one of them was missing.
 */
const READ_AHEAD_MS = 60_000;
/**
 * With the slower operation alone, once so many devices of a caller in a row were found to exist,
 * ten batches are sent unread for each that is read. Reading is slower than sending then, and for
 * few stale names it takes less time to have a call refused now and then.
 */
const ENOUGH_FOUND = 400;
const MOST_UNREAD_BATCHES = 10;
/** A refusal is not explained by devices that were found to exist no longer ago than this. */
const FRESH_MS = 60_000;
/** Nothing is read for so long after a reading that failed, or that is not permitted. */
const PAUSE_MS = 10_000;
const FORBIDDEN_MS = 600_000;
/**
 * How often one reading call is filled up where remembered devices were passed on: a turn must not
 * take long.
 */
const MOST_CUTS = 20;

export class ReadAhead {
  readonly #options: ReadAheadOptions;
  readonly #found = new FoundNames();
  readonly #gathered: GatheredDevices;
  readonly #loops: Readonly<Record<ReadingName, ReadingLoop>>;
  readonly #told = new Set<ReadingName>();
  /** Whether `states` omits devices that do not exist. */
  #states: "unknown" | "asked" | "omits" | "no-use" = "unknown";
  #trial: DeviceBatch | undefined;
  #underWay = 0;
  #pausedUntilMs = -Infinity;
  /** The upstream's latest code for a device that does not exist. */
  #code = "";

  constructor(options: ReadAheadOptions) {
    this.#options = options;
    const { clock, devicesPerCall } = options;
    this.#gathered = new GatheredDevices({ clock, devicesPerCall, release: (batch) => this.#release(batch) });
    this.#loops = { details: this.#loopOf("details"), states: this.#loopOf("states") };
    for (const loop of Object.values(this.#loops)) loop.start();
  }

  /** To be called when devices wait that may have to be read. */
  wake(): void {
    if (!this.#options.queue.highestUnread) return;
    for (const loop of Object.values(this.#loops)) loop.wake();
  }

  /**
   * Takes over the devices of a refused call, if reading may explain the refusal; they wait
   * already.
   */
  takesOver(batch: Batch, end: CallEnd): boolean {
    const { clock, queue } = this.#options;
    const nowMs = clock.now();
    if (end.kind !== "refused" || !isNotFound(end.refusal)) return false;
    if (batch.scopeQueue.bisection || nowMs < this.#pausedUntilMs) return false;
    const { scope } = batch.scopeQueue;
    const doubtful = batch.devices.filter(({ name }) => !this.#found.has(scope, name, nowMs, FRESH_MS));
    if (doubtful.length === 0) return false;
    this.#code = end.refusal.code;
    for (const { name } of doubtful) this.#found.forget(scope, name);
    for (const caller of countByCaller(doubtful).keys()) queue.readAheadCallers.noteFound(scope, caller, 0);
    const isDoubtful = new Set(doubtful);
    queue.putBack({ ...batch, devices: batch.devices.filter((device) => !isDoubtful.has(device)) }, nowMs, "spent");
    queue.putBackUnread({ ...batch, devices: doubtful });
    this.wake();
    return true;
  }

  /** Waits for the calls under way. */
  async close(): Promise<void> {
    await Promise.all(Object.values(this.#loops).map((loop) => loop.close()));
    this.#gathered.close();
    await Promise.all([this.#options.details.limiter.close(), this.#options.states.limiter.close()]);
  }

  #loopOf(name: ReadingName): ReadingLoop {
    const { account, clock, log, queue, [name]: reading } = this.#options;
    return new CallLoop({
      ...{ account, clock, log, ...reading },
      wish: () => {
        if (name === "states" && this.#trial) return { priority: "normal", newcomer: false };
        const isUsed = (this.#states === "omits" ? "states" : "details") === name;
        return isUsed && queue.highestUnread ? { priority: queue.highestUnread, newcomer: false } : undefined;
      },
      cut: () => this.#cut(name),
      putBack: (batch) => this.#putBack(batch),
      begin: (batch, sentMs) => {
        this.#underWay++;
        return new SentDeviceBatch(batch, sentMs);
      },
      send: (batch) => {
        const { scope, names } = askedBy(batch);
        return reading.reader.read(scope, names);
      },
      conclude: async ({ batch }, end) => {
        this.#underWay--;
        this.#conclude(name, batch, end);
      },
    });
  }

  #cut(name: ReadingName): DeviceBatch | undefined {
    const { clock, queue, answerMs } = this.#options;
    if (name === "states" && this.#trial) {
      const trial = this.#trial;
      this.#trial = undefined;
      return trial;
    }
    const { room } = this.#options[name].reader;
    let batch: Devices | undefined;
    let passedOn = 0;
    for (let cuts = 0; cuts < MOST_CUTS; cuts++) {
      const nowMs = clock.now();
      const next = queue.cutUnread({ nowMs, answerMs: 2 * answerMs() }, roomBeside(batch?.devices ?? [], room));
      if (!next) break;
      const { scopeQueue } = next;
      if (batch && batch.scopeQueue.key !== scopeQueue.key) {
        queue.putBackUnread(next);
        break;
      }
      const mayBeUnread = name === "details" && cuts < MOST_UNREAD_BATCHES && this.#areTrusted(next);
      const isKnown = (device: BatchDevice) => mayBeUnread || this.#found.has(scopeQueue.scope, device.name, nowMs);
      this.#release({ scopeQueue, devices: next.devices.filter(isKnown) });
      const unknown = next.devices.filter((device) => !isKnown(device));
      passedOn += next.devices.length - unknown.length;
      if (unknown.length > 0) batch = { scopeQueue, devices: [...(batch?.devices ?? []), ...unknown] };
      if (batch?.devices.length === room.devices || unknown.length === next.devices.length) break;
    }
    if (batch) return { kind: "devices", ...batch };
    if (passedOn > 0) queueMicrotask(() => this.wake()); // perhaps to more of them
    return undefined;
  }

  /** Whether every caller of these devices has had enough found in a row. */
  #areTrusted({ devices, scopeQueue }: Devices): boolean {
    const callers = [...countByCaller(devices).keys()];
    const { readAheadCallers } = this.#options.queue;
    return callers.every((caller) => readAheadCallers.foundBy(scopeQueue.scope, caller) >= ENOUGH_FOUND);
  }

  #putBack(batch: DeviceBatch): void {
    if (batch.kind === "trial") this.#trial = batch;
    else this.#options.queue.putBackUnread(batch);
  }

  #conclude(name: ReadingName, batch: DeviceBatch, end: DeviceReadEnd): void {
    if (end.kind === "accepted" && end.found) {
      if (batch.kind === "devices") this.#apply(name, batch, end.found, end.requestId);
      else this.#states = end.found.has(batch.existing) && !end.found.has(batch.missing) ? "omits" : "no-use";
    } else if (end.kind === "refused" && end.refusal.reaction.kind === "throttled") {
      this.#putBack(batch);
    } else {
      this.#fail(name, batch, end);
    }
    this.wake();
  }

  /** Rejects those that do not exist, and lets the others be sent. */
  #apply(name: ReadingName, batch: Devices, found: ReadonlySet<string>, requestId: string): void {
    const { clock, queue } = this.#options;
    const { scope } = batch.scopeQueue;
    const nowMs = clock.now();
    const missing = batch.devices.filter((device) => !found.has(device.name));
    const existing = batch.devices.filter((device) => found.has(device.name));
    const outcome = missingOutcome(this.#code, requestId);
    for (const { owners } of missing) {
      for (const { waiter, index } of owners) {
        if (nowMs >= this.#pausedUntilMs) queue.readAhead(scope, waiter.command.caller, nowMs + READ_AHEAD_MS, nowMs);
        waiter.settle(index, outcome);
      }
    }
    for (const [caller, devices] of countByCaller(existing)) queue.readAheadCallers.noteFound(scope, caller, devices);
    this.#found.note(scope, found, nowMs);
    const isMore = this.#underWay > 0 || queue.unreadIn(scope) > 0;
    this.#gathered.add({ ...batch, devices: existing }, isMore ? this.#options[name].reader.room.devices : 0);
    if (this.#states === "unknown" && missing[0] && existing[0]) {
      this.#states = "asked";
      this.#trial = { kind: "trial", scope, existing: existing[0].name, missing: missing[0].name };
      this.#loops.states.wake();
    }
  }

  /**
   * A reading told nothing: the slower operation goes on alone, or everything is sent unread for a
   * while.
   */
  #fail(name: ReadingName, batch: DeviceBatch, end: DeviceReadEnd): void {
    const { clock, queue, log, account, [name]: reading } = this.#options;
    const isForbidden = end.kind === "refused" && isForbiddenBy(end.refusal);
    if (isForbidden && !this.#told.has(name)) {
      this.#told.add(name);
      const about = { account, operation: reading.operation, permission: `iot:${reading.operation}` };
      log.warn({ ...about, code: end.refusal.code }, "devices may not be read; stale names cost canceling calls");
    }
    if (name === "states") {
      // A passing failure says nothing about the operation, so it is tried again later.
      const isFinal = end.kind === "accepted" || (end.kind === "refused" && end.refusal.reaction.kind === "rejected");
      this.#states = isFinal ? "no-use" : "unknown";
      if (batch.kind === "devices") queue.putBackUnread(batch);
      return;
    }
    this.#pausedUntilMs = clock.now() + (isForbidden ? FORBIDDEN_MS : PAUSE_MS);
    queue.endReadAhead(clock.now());
    if (batch.kind === "devices") this.#release(batch);
  }

  #release({ devices, scopeQueue }: Devices): void {
    if (devices.length === 0) return;
    const { clock, queue, released } = this.#options;
    queue.putBack({ devices, scopeQueue, charge: new Map() }, clock.now(), "spent");
    released();
  }
}

/** The room that these devices leave in a call. */
function roomBeside(devices: readonly BatchDevice[], room: Room): Room {
  const bytes = devices.reduce((sum, { name }) => sum + room.bytesOfDevice(name), 0);
  return { ...room, devices: room.devices - devices.length, bytes: room.bytes - bytes };
}

function isNotFound({ reaction }: Refusal): boolean {
  return reaction.kind === "rejected" && reaction.deviceFault && reaction.rejection === "not-found";
}

function isForbiddenBy({ reaction }: Refusal): boolean {
  return reaction.kind === "rejected" && reaction.rejection === "forbidden";
}

function missingOutcome(code: string, requestId: string): DeviceOutcome {
  const message = `the device does not exist: it was read, and not found (${code})`;
  return {
    kind: "rejected",
    failure: { kind: "rejected", message, rejection: "not-found", upstream: { code, requestId } },
  };
}
