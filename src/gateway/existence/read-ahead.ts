// Tells the stale names of cancels apart by reading, where halving refused calls would cost the
// quota of the cancels. A device is rejected only if a reading asked for it and did not find it.
import type { Clock } from "../../base/clock.js";
import type { Priority } from "../command.js";
import { type BatchDevice, countByCaller } from "../queue/batch.js";
import type { Batch, Queue } from "../queue/queue.js";
import type { CallEnd, Refusal, Room } from "../upstream.js";
import type { DeviceSource, DevicesFound, DevicesToRead, FailedReading, ReadingName } from "./device-source.js";
import { FoundNames } from "./found-names.js";
import { GatheredDevices } from "./gathered-devices.js";
import { missingOutcome } from "./missing-outcome.js";

export interface ReadAheadOptions {
  readonly clock: Clock;
  readonly queue: Queue;
  /** How many devices a canceling call takes. */
  readonly devicesPerCall: number;
  readonly answerMs: () => number;
  /** Devices wait to be sent that did not before. */
  readonly released: () => void;
  /** Devices wait to be read. */
  readonly wake: () => void;
}

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

/**
 * The devices of a refused call are read, and from then on those of the callers whose devices are
 * missing, before they are sent. Halving handles what reading cannot explain, and everything while
 * nothing can be read.
 */
export class ReadAhead implements DeviceSource {
  readonly #options: ReadAheadOptions;
  readonly #found = new FoundNames();
  readonly #gathered: GatheredDevices;
  #pausedUntilMs = -Infinity;
  /** The upstream's latest code for a device that does not exist. */
  #code = "";

  constructor(options: ReadAheadOptions) {
    this.#options = options;
    const { clock, devicesPerCall } = options;
    this.#gathered = new GatheredDevices({ clock, devicesPerCall, release: (batch) => this.#release(batch) });
  }

  get highestUnread(): Priority | undefined {
    return this.#options.queue.highestUnread;
  }

  /**
   * Takes over the devices of a refused call, if reading may explain the refusal; they wait
   * already.
   */
  takesOver(batch: Batch, end: CallEnd): boolean {
    const { clock, queue, wake } = this.#options;
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
    wake();
    return true;
  }

  /** To be called when nothing is being read any more: what was read is sent. */
  close(): void {
    this.#gathered.close();
  }

  cut(operation: ReadingName, room: Room): DevicesToRead | undefined {
    const { clock, queue, answerMs, wake } = this.#options;
    let batch: DevicesToRead | undefined;
    let passedOn = 0;
    for (let cuts = 0; cuts < MOST_CUTS; cuts++) {
      const nowMs = clock.now();
      const left = roomBeside(batch?.devices ?? [], room);
      const next = queue.cutUnread({ nowMs, answerMs: 2 * answerMs() }, left);
      if (!next) break;
      const { scopeQueue } = next;
      if (batch && (batch.scopeQueue.key !== scopeQueue.key || !isRoomIn(left, next))) {
        queue.putBackUnread(next);
        break;
      }
      const mayBeUnread = operation === "details" && cuts < MOST_UNREAD_BATCHES && this.#areTrusted(next);
      const isKnown = (device: BatchDevice) => mayBeUnread || this.#found.has(scopeQueue.scope, device.name, nowMs);
      this.#release({ scopeQueue, devices: next.devices.filter(isKnown) });
      const unknown = next.devices.filter((device) => !isKnown(device));
      passedOn += next.devices.length - unknown.length;
      if (unknown.length > 0) batch = { scopeQueue, devices: [...(batch?.devices ?? []), ...unknown] };
      if (batch?.devices.length === room.devices || unknown.length === next.devices.length) break;
    }
    if (!batch && passedOn > 0) queueMicrotask(wake); // perhaps to more of them
    return batch;
  }

  putBack(batch: DevicesToRead): void {
    this.#options.queue.putBackUnread(batch);
  }

  /** Rejects those that do not exist, and lets the others be sent. */
  noteFound(batch: DevicesToRead, { found, requestId, isMoreUnderWay, devicesPerCall }: DevicesFound): void {
    const { clock, queue } = this.#options;
    const { scope } = batch.scopeQueue;
    const nowMs = clock.now();
    const missing = batch.devices.filter((device) => !found.has(device.name));
    const existing = batch.devices.filter((device) => found.has(device.name));
    const outcome = missingOutcome({ code: this.#code, requestId });
    for (const { owners } of missing) {
      for (const { waiter, index } of owners) {
        if (nowMs >= this.#pausedUntilMs) queue.readAhead(scope, waiter.command.caller, nowMs + READ_AHEAD_MS, nowMs);
        waiter.settle(index, outcome);
      }
    }
    for (const [caller, devices] of countByCaller(existing)) queue.readAheadCallers.noteFound(scope, caller, devices);
    this.#found.note(scope, found, nowMs);
    const isMore = isMoreUnderWay || queue.unreadIn(scope) > 0;
    this.#gathered.add({ ...batch, devices: existing }, isMore ? devicesPerCall : 0);
  }

  /** Everything is sent unread for a while. */
  async noteFailed(batch: DevicesToRead, { permission }: FailedReading): Promise<void> {
    const { clock, queue } = this.#options;
    const untilMs = clock.now() + (permission ? FORBIDDEN_MS : PAUSE_MS);
    this.#pausedUntilMs = Math.max(this.#pausedUntilMs, untilMs);
    queue.endReadAhead(clock.now());
    this.#release(batch);
  }

  /** Whether every caller of these devices has had enough found in a row. */
  #areTrusted({ devices, scopeQueue }: DevicesToRead): boolean {
    const callers = [...countByCaller(devices).keys()];
    const { readAheadCallers } = this.#options.queue;
    return callers.every((caller) => readAheadCallers.foundBy(scopeQueue.scope, caller) >= ENOUGH_FOUND);
  }

  #release({ devices, scopeQueue }: DevicesToRead): void {
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

/** The first device is cut even if there is no room for it. */
function isRoomIn(room: Room, { devices: [first], scopeQueue }: DevicesToRead): boolean {
  return room.bytesOfScope(scopeQueue.scope) + room.bytesOfDevice(first?.name ?? "") <= room.bytes;
}

function isNotFound({ reaction }: Refusal): boolean {
  return reaction.kind === "rejected" && reaction.deviceFault && reaction.rejection === "not-found";
}
