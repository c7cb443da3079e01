// The decision at arrival: let in, or refused at once with a reason and, where it helps, a time to come
// back. What is let in is never dropped; what cannot be done in time is told so before it costs a call.
import type { Command } from "../command.js";
import { type Failure, GatewayError, invalid } from "../errors.js";
import type { Queue } from "../queue/queue.js";
import type { Forecast } from "./forecast.js";
import { type Applicant, callsBefore } from "./queue-position.js";

/** Bounds on devices that wait. */
export interface AdmissionBounds {
  readonly queuedDevices: number;
  readonly queuedDevicesPerCaller: number;
  /** The bound of a caller that has its own. */
  readonly queuedDevicesOf?: (caller: string) => number | undefined;
}

/** What the account looks like at this moment. */
export interface Outlook {
  readonly queue: Queue;
  readonly forecast: Forecast;
  readonly answerMs: number;
  readonly devicesPerCall: number;
  readonly nowMs: number;
  /** See LedgerState. */
  readonly obstacle?: string | undefined;
}

/** What a request would take. Times are from now. */
export interface Plan {
  readonly calls: number;
  readonly waitMs: number;
  readonly durationMs: number;
}

/** The least that a caller is told to wait before it asks again. */
const SHORTEST_RETRY_MS = 100;

/** A new caller. */
export const NEW_CALLER: Applicant = { caller: "", priority: "normal" };

/** What it takes to cancel so many devices, given everything that waits already. */
export function plan(applicant: Applicant, devices: number, outlook: Outlook): Plan {
  const { queue, forecast, answerMs, devicesPerCall, nowMs } = outlook;
  const calls = Math.ceil(devices / devicesPerCall);
  // The forecast may be some milliseconds old.
  const startMs = (nth: number) => Math.max(forecast(callsBefore(applicant, nth, queue, devicesPerCall)), nowMs);
  const firstMs = startMs(1);
  const lastMs = devices === 1 ? firstMs : startMs(devices);
  return { calls, waitMs: firstMs - nowMs, durationMs: lastMs + answerMs - nowMs };
}

/** How long until a small request of a new caller would be sent: the hint for everybody who shall come again. */
export function retryAfterMs(outlook: Outlook): number {
  return Math.max(Math.ceil(plan(NEW_CALLER, 1, outlook).waitMs), SHORTEST_RETRY_MS);
}

/** Throws if the command cannot be taken. */
export function admit(command: Command, bounds: AdmissionBounds, outlook: Outlook): void {
  const { queue, nowMs } = outlook;
  const { caller, deviceNames, answerByMs } = command;
  const perCaller = bounds.queuedDevicesOf?.(caller) ?? bounds.queuedDevicesPerCaller;
  const room = Math.min(bounds.queuedDevices, perCaller);
  if (deviceNames.length > room) throw tooMany(deviceNames.length, room);
  const own = queue.backlog.devicesByCaller.get(caller) ?? 0;
  if (own + deviceNames.length > perCaller) {
    throw overloaded("caller", own, deviceNames.length, perCaller, outlook);
  }
  if (queue.backlog.devices + deviceNames.length > bounds.queuedDevices) {
    throw overloaded("gateway", queue.backlog.devices, deviceNames.length, bounds.queuedDevices, outlook);
  }
  // Most requests are far from their deadline, and the worst that can be is cheaper to know than the likely.
  const mostCalls = 2 * queue.calls + Math.ceil(deviceNames.length / outlook.devicesPerCall);
  if (outlook.forecast(mostCalls) + outlook.answerMs <= answerByMs) return;
  const { durationMs } = plan(command, deviceNames.length, outlook);
  const lateMs = nowMs + durationMs - answerByMs;
  if (lateMs > 0) {
    const [neededMs, leftMs] = [Math.ceil(durationMs), Math.max(Math.floor(answerByMs - nowMs), 0)];
    const late = `cannot be done in time: it takes about ${neededMs} ms and ${leftMs} ms are left; nothing was sent`;
    const soonestMs = Math.max(Math.ceil(lateMs), SHORTEST_RETRY_MS);
    const { obstacle } = outlook;
    const failure: Failure = obstacle
      ? { kind: "unavailable", message: `${obstacle}; ${late}` }
      : { kind: "deadline-too-short", message: late };
    throw new GatewayError(failure, { retryAfterMs: soonestMs });
  }
}

/** However long it waited, the queue would never have room. */
function tooMany(asked: number, most: number): GatewayError {
  return invalid("device_names", `has ${asked} names, no more than ${most} may wait`);
}

function overloaded(who: "caller" | "gateway", waiting: number, asked: number, bound: number, outlook: Outlook) {
  const { forecast, devicesPerCall, nowMs } = outlook;
  const excessCalls = Math.ceil((waiting + asked - bound) / devicesPerCall);
  const roomMs = forecast(excessCalls) - nowMs;
  const whose = who === "caller" ? "of this caller" : "of all callers";
  const message = `the queue is full: ${waiting} devices ${whose} wait, ${asked} more would exceed ${bound}`;
  return new GatewayError(
    { kind: "overloaded", message, subject: who },
    { retryAfterMs: Math.max(Math.ceil(roomMs), SHORTEST_RETRY_MS) },
  );
}
