// Reads which devices of a request exist, and cancels nothing. These devices wait in a queue of
// their own, so no forecast and no bound of the cancels counts them. Nothing is said about a device
// that was not read.
import type { Span } from "@opentelemetry/api";
import type { Clock } from "../../base/clock.js";
import { consequence } from "../call/consequence.js";
import type { Command, Priority } from "../command.js";
import type { DeviceOutcome } from "../device-outcome.js";
import type { Failure } from "../failures.js";
import { Queue } from "../queue/queue.js";
import type { Callers } from "../queue/scheduler.js";
import type { Returned } from "../queue/turn-list.js";
import type { Room } from "../upstream.js";
import { Waiter } from "../waiter.js";
import type { DeviceSource, DevicesFound, DevicesToRead, FailedReading, ReadingName } from "./device-source.js";
import { missingOutcome } from "./missing-outcome.js";

export interface DeviceCheckOptions {
  readonly clock: Clock;
  readonly callers: Callers;
  /** The room of a call of the slower operation. */
  readonly room: Room;
  /** The time that an answer may take. */
  readonly answerMs: () => number;
  /** Devices wait to be read. */
  readonly wake: () => void;
}

/** The knowledge about one device. */
export type CheckedDevice =
  | { readonly kind: "existing" }
  | { readonly kind: "missing" | "not-read"; readonly failure: Failure };

/** A check under way. */
export interface Check {
  /** One for each device, in the order of the request. Never rejects. */
  readonly devices: Promise<readonly CheckedDevice[]>;
  /** To be called when the caller has left. */
  abort(): void;
}

/**
 * Limits the devices that wait, to bound memory. Those beyond it are not read, and reported so.
 */
const MOST_DEVICES = 100_000;
const MOST_DEVICES_PER_CALLER = 50_000;

const EXISTING: CheckedDevice = { kind: "existing" };
/** Marks a waiter's device as existing. Within this file only. */
const FOUND: DeviceOutcome = { kind: "not-attempted", failure: { kind: "aborted", message: "it exists" } };

const LEFT: Failure = { kind: "aborted", message: "not read: the caller left" };
const OUT_OF_TIME: Failure = { kind: "expired", message: "not read before the deadline; use a longer deadline" };
const CROWDED: Failure = {
  kind: "overloaded",
  subject: "caller",
  message: "not read: too many devices wait to be checked; ask again later, or for fewer",
};
const NOT_UNDERSTOOD: Failure = {
  kind: "unavailable",
  message: "not read: the upstream's list of devices cannot be understood",
};

export class DeviceCheck implements DeviceSource {
  readonly #options: DeviceCheckOptions;
  readonly #queue: Queue;
  readonly #waiters = new Set<Waiter>();

  constructor(options: DeviceCheckOptions) {
    this.#options = options;
    this.#queue = new Queue(options.room, options.callers);
  }

  /** Resolves when every device was read, at the latest at the command's time to answer. */
  check(command: Command, span?: Span): Check {
    const { clock, wake } = this.#options;
    const deviceNames = command.deviceNames.slice(0, this.#roomFor(command.caller));
    const beyond = command.deviceNames.slice(deviceNames.length).map(() => notRead(CROWDED));
    if (deviceNames.length === 0) return { devices: Promise.resolve(beyond), abort: () => {} };
    const waiter = new Waiter({ ...command, deviceNames }, clock.now(), span);
    const isEndless = command.answerByMs === Infinity;
    const disarm = isEndless ? () => {} : clock.at(command.answerByMs, () => this.#end(waiter, OUT_OF_TIME));
    this.#waiters.add(waiter);
    this.#queue.add(waiter);
    wake();
    const devices = waiter.answer.then(({ outcomes }) => {
      disarm();
      this.#waiters.delete(waiter);
      return [...outcomes.map(checkedDeviceOf), ...beyond];
    });
    return { devices, abort: () => this.#end(waiter, LEFT) };
  }

  /** Answers all checks with what has been read. */
  end(failure: Failure): void {
    for (const waiter of this.#waiters) this.#end(waiter, unread(failure));
  }

  get highestUnread(): Priority | undefined {
    return this.#queue.highest;
  }

  cut(_: ReadingName, room: Room): DevicesToRead | undefined {
    const { clock, answerMs } = this.#options;
    return this.#queue.cut({ nowMs: clock.now(), answerMs: answerMs(), newcomersOnly: false }, room);
  }

  putBack(batch: DevicesToRead): void {
    this.#putBack(batch, "spent");
  }

  noteFound({ devices }: DevicesToRead, { found, requestId }: DevicesFound): void {
    const missing = missingOutcome({ code: "", requestId });
    for (const { name, owners } of devices) {
      for (const { waiter, index } of owners) waiter.settle(index, found.has(name) ? FOUND : missing);
    }
  }

  /** Devices are read again only after a failure that passes by itself. */
  async noteFailed(batch: DevicesToRead, { end, permission, backoff }: FailedReading): Promise<void> {
    if (end.kind === "accepted") {
      settle(batch, NOT_UNDERSTOOD);
      return;
    }
    const { kind, outcome } = consequence(end, batch.devices.length);
    const failure = "failure" in outcome ? unread(outcome.failure, permission) : NOT_UNDERSTOOD;
    if (kind === "repeat") {
      for (const { owners } of batch.devices) {
        for (const { waiter, index } of owners) waiter.putBack(index, { kind: "not-attempted", failure });
      }
      await backoff();
      this.#putBack(batch, "failed");
      return;
    }
    settle(batch, failure);
    // The refusal was not for one of the devices: all others of the scope would be refused as well.
    if (kind === "settle") this.#withdraw(batch, failure);
  }

  #putBack(batch: DevicesToRead, place: Returned): void {
    this.#queue.putBack({ ...batch, charge: new Map() }, this.#options.clock.now(), place);
  }

  #withdraw({ scopeQueue: { scope } }: DevicesToRead, failure: Failure): void {
    for (const { waiter, indexes } of this.#queue.withdraw(scope)) {
      for (const index of indexes) waiter.settle(index, { kind: "not-attempted", failure });
    }
  }

  #end(waiter: Waiter, failure: Failure): void {
    this.#queue.leave(waiter);
    waiter.conclude(failure);
  }

  #roomFor(caller: string): number {
    const { devices, devicesByCaller } = this.#queue.backlog;
    return Math.max(0, Math.min(MOST_DEVICES - devices, MOST_DEVICES_PER_CALLER - (devicesByCaller.get(caller) ?? 0)));
  }
}

function settle({ devices }: DevicesToRead, failure: Failure): void {
  for (const { owners } of devices) {
    for (const { waiter, index } of owners) waiter.settle(index, { kind: "not-attempted", failure });
  }
}

function unread(failure: Failure, permission?: string): Failure {
  const advice = permission ? `; the gateway's keys lack the permission ${permission}` : "";
  return { ...failure, message: `not read: ${failure.message}${advice}` };
}

function notRead(failure: Failure): CheckedDevice {
  return { kind: "not-read", failure };
}

function checkedDeviceOf(outcome: DeviceOutcome): CheckedDevice {
  if (outcome === FOUND) return EXISTING;
  if (!("failure" in outcome)) throw new Error("a device of a check has the outcome of a cancel");
  return { kind: outcome.kind === "rejected" ? "missing" : "not-read", failure: outcome.failure };
}
