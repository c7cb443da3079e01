// Decides at arrival whether a request is let in, or refused at once with a reason and, where it helps, a time to come
// back. Once let in, a request is never dropped; one that cannot be done in time is refused before it costs a call.
import type { Command } from "../command.js";
import { type Failure, GatewayError, invalid } from "../errors.js";
import type { Forecast } from "../limiter.js";
import type { Queue } from "../queue/queue.js";
import { type Applicant, callsBefore } from "./queue-position.js";

/** How many devices may wait. */
export interface AdmissionBounds {
  readonly queuedDevices: number;
  readonly queuedDevicesPerCaller: number;
  /** The bound of a caller that has its own. */
  readonly queuedDevicesOf?: (caller: string) => number | undefined;
}

/** How the account stands now. */
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

/** The shortest delay that a caller is asked to wait before it retries. */
const SHORTEST_RETRY_MS = 100;

/** A caller for whom nothing waits. */
export const NEW_CALLER: Applicant = { caller: "", priority: "normal" };

/** What it takes to cancel so many devices behind everything that waits already. */
export function plan(applicant: Applicant, devices: number, outlook: Outlook): Plan {
  const { queue, forecast, answerMs, devicesPerCall, nowMs } = outlook;
  const calls = Math.ceil(devices / devicesPerCall);
  // The forecast may be some milliseconds old.
  const startMs = (nth: number) => Math.max(forecast(callsBefore(applicant, nth, queue, devicesPerCall)), nowMs);
  const firstMs = startMs(1);
  const lastMs = devices === 1 ? firstMs : startMs(devices);
  return { calls, waitMs: firstMs - nowMs, durationMs: lastMs + answerMs - nowMs };
}

/** How long until a small request of a new caller would be sent: the hint for every caller that should retry. */
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
  // Most requests are far from their deadline, and the worst case is cheaper to compute than the likely one.
  const mostCalls = 2 * queue.backlog.calls + Math.ceil(deviceNames.length / outlook.devicesPerCall);
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

/** The queue would never have room, however long the request waited. */
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
