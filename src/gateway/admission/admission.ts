// Decides on arrival whether a request is admitted or refused with a reason and, where useful, a
// time to retry. An admitted request is never dropped. A request that cannot finish in time is
// refused before it costs a call.
import type { Command } from "../command.js";
import { type Failure, GatewayError, invalid } from "../failures.js";
import type { Forecast } from "../limiter.js";
import type { Queue } from "../queue/queue.js";
import { type Applicant, callsBefore } from "./queue-position.js";

/** Limits on the number of waiting devices. */
export interface AdmissionBounds {
  readonly queuedDevices: number;
  readonly queuedDevicesPerCaller: number;
  /** The limit of a caller with a limit of its own. */
  readonly queuedDevicesOf?: (caller: string) => number | undefined;
}

/** The state of the account now. */
export interface Outlook {
  readonly queue: Queue;
  readonly forecast: Forecast;
  readonly answerMs: number;
  readonly devicesPerCall: number;
  readonly nowMs: number;
  /** See LedgerState. */
  readonly obstacle?: string | undefined;
}

/** The cost of a request. Times are from now. */
export interface Plan {
  readonly calls: number;
  readonly waitMs: number;
  readonly durationMs: number;
}

/** The shortest retry delay given to a caller. */
const SHORTEST_RETRY_MS = 100;

/** A caller without waiting devices. */
export const NEW_CALLER: Applicant = { caller: "", priority: "normal" };

/** Plans the cancel of this many devices behind everything that already waits. */
export function plan(applicant: Applicant, devices: number, outlook: Outlook): Plan {
  const { queue, forecast, answerMs, devicesPerCall, nowMs } = outlook;
  const calls = Math.ceil(devices / devicesPerCall);
  // The forecast may be a few milliseconds old.
  const startMs = (nth: number) => Math.max(forecast(callsBefore(applicant, nth, queue, devicesPerCall)), nowMs);
  const firstMs = startMs(1);
  const lastMs = devices === 1 ? firstMs : startMs(devices);
  return { calls, waitMs: firstMs - nowMs, durationMs: lastMs + answerMs - nowMs };
}

/**
 * Time until a small request of a new caller would be sent: the retry hint for every refused
 * caller.
 */
export function retryAfterMs(outlook: Outlook): number {
  return Math.max(Math.ceil(plan(NEW_CALLER, 1, outlook).waitMs), SHORTEST_RETRY_MS);
}

/** The most devices of this caller that may wait at once. */
export function roomOf(caller: string, bounds: AdmissionBounds): number {
  return Math.min(bounds.queuedDevices, limitOf(caller, bounds));
}

/** Admits the command, or throws GatewayError. */
export function admit(command: Command, bounds: AdmissionBounds, outlook: Outlook): void {
  const { queue, nowMs } = outlook;
  const { caller, deviceNames, answerByMs } = command;
  const room = roomOf(caller, bounds);
  if (deviceNames.length > room) throw tooMany(deviceNames.length, room);
  const own = queue.backlog.devicesByCaller.get(caller) ?? 0;
  const perCaller = limitOf(caller, bounds);
  if (own + deviceNames.length > perCaller) {
    throw overloaded("caller", own, deviceNames.length, perCaller, outlook);
  }
  if (queue.backlog.devices + deviceNames.length > bounds.queuedDevices) {
    throw overloaded("gateway", queue.backlog.devices, deviceNames.length, bounds.queuedDevices, outlook);
  }
  // Most requests are far from their deadline, and the worst case is cheaper to compute than the
  // likely one.
  const mostCalls = 2 * queue.backlog.calls + Math.ceil(deviceNames.length / outlook.devicesPerCall);
  if (outlook.forecast(mostCalls) + outlook.answerMs <= answerByMs) return;
  const { durationMs } = plan(command, deviceNames.length, outlook);
  const lateMs = nowMs + durationMs - answerByMs;
  if (lateMs > 0) {
    const [neededMs, leftMs] = [Math.ceil(durationMs), Math.max(Math.floor(answerByMs - nowMs), 0)];
    const late = `cannot be done in time: about ${neededMs} ms needed, ${leftMs} ms left; nothing was sent; retry later or with a longer deadline`;
    const soonestMs = Math.max(Math.ceil(lateMs), SHORTEST_RETRY_MS);
    const { obstacle } = outlook;
    const failure: Failure = obstacle
      ? { kind: "unavailable", message: `${obstacle}; ${late}` }
      : { kind: "deadline-too-short", message: late };
    throw new GatewayError(failure, { retryAfterMs: soonestMs });
  }
}

function limitOf(caller: string, { queuedDevicesOf, queuedDevicesPerCaller }: AdmissionBounds): number {
  return queuedDevicesOf?.(caller) ?? queuedDevicesPerCaller;
}

/** The request exceeds the queue itself, so waiting for room would not help. */
function tooMany(asked: number, most: number): GatewayError {
  return invalid("device_names", `has ${asked} names, more than may be queued (limit ${most}); send fewer`);
}

function overloaded(subject: "caller" | "gateway", waiting: number, asked: number, bound: number, outlook: Outlook) {
  const { forecast, devicesPerCall, nowMs } = outlook;
  const excessCalls = Math.ceil((waiting + asked - bound) / devicesPerCall);
  const roomMs = forecast(excessCalls) - nowMs;
  const whose = subject === "caller" ? "of this caller" : "of all callers";
  const message = `the queue is full: ${waiting} devices ${whose} wait, and ${asked} more would exceed the limit of ${bound}; retry later`;
  return new GatewayError(
    { kind: "overloaded", message, subject },
    { retryAfterMs: Math.max(Math.ceil(roomMs), SHORTEST_RETRY_MS) },
  );
}
