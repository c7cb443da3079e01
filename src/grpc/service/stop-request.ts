// Turns a StopRolloutRequest into the order of a stop, or into an error that lists everything wrong
// with it, and an order back into the request with its defaults.
import { REASON } from "../../base/text-rules.js";
import { DEFAULT_ACCOUNT, PRIORITIES, type Priority } from "../../gateway/command.js";
import { type StopRolloutRequest, TaskState, Priority as WirePriority } from "../../gen/ota/v1/ota_service.js";
import type { Rights, Touched } from "../../identity/rights.js";
import type { StopSpec } from "../../operations/stop/stop-spec.js";
import { OPEN_STATES, type OpenState } from "../../rollout/job-operator.js";
import { durationMs, durationOf } from "../wire/details.js";
import { type RequestLimits, WIRE_PRIORITIES, wirePriorityOf } from "./request.js";
import { checkIdField, checkScope, checkTextField, Violations } from "./violations.js";

const STATES: Record<OpenState, TaskState> = {
  CONFIRM: TaskState.CONFIRM,
  QUEUED: TaskState.QUEUED,
  NOTIFIED: TaskState.NOTIFIED,
  IN_PROGRESS: TaskState.IN_PROGRESS,
};

const HOUR_MS = 3_600_000;
const SETTLE_MS = 120_000;
const MOST_SETTLE_MS = 24 * HOUR_MS;
const MOST_TIME_TO_LIVE_MS = 25 * HOUR_MS;

/** 2,000 open batches. */
const ETAG = /^[\w-]{0,16384}$/;

type Allowed = Pick<Rights, "priorities">;

/** Names what a stop would touch. Nothing of it has been checked yet. */
export function touchedByStop({ account, productKey, priority }: StopRolloutRequest, allowed: Allowed): Touched {
  return {
    ...{ account: account || DEFAULT_ACCOUNT, productKey, verify: false, isRollout: true },
    priority: priorityOf(priority, allowed),
  };
}

/**
 * The order with the defaults for a caller with these rights. Throws GatewayError with every
 * violation.
 */
export function stopSpecOf(request: StopRolloutRequest, allowed: Allowed, limits: RequestLimits): StopSpec {
  const { requestId, productKey, firmwareId, jobId, iotInstanceId, reason, etag } = request;
  const { keepStrategies, includeNewJobs, listInstalled } = request;
  const violations = new Violations();
  checkIdField("request_id", requestId, false, violations);
  checkScope(request, limits.accounts, violations);
  checkTextField("reason", reason, REASON, violations);
  for (const [index, state] of request.states.entries()) {
    if (!Object.values(STATES).includes(state)) violations.add("states", "is not a state of an open task", index);
  }
  if (!ETAG.test(etag)) violations.add("etag", "must be the etag of a Rollout");
  const settleMs = request.settle ? durationMs(request.settle) : SETTLE_MS;
  if (!(settleMs >= 0 && settleMs <= MOST_SETTLE_MS)) violations.add("settle", "must be 0 to 24 h");
  const timeToLiveMs = request.timeToLive ? durationMs(request.timeToLive) : settleMs + HOUR_MS;
  if (!(timeToLiveMs >= settleMs + HOUR_MS && timeToLiveMs <= MOST_TIME_TO_LIVE_MS)) {
    violations.add("time_to_live", "must be at least 1 h more than settle, and at most 25 h");
  }
  const priority = priorityOf(request.priority, allowed);
  if (!priority) violations.add("priority", "is not known");
  if (violations.count > 0 || !priority) throw violations.error();
  const asked = request.states.length === 0 ? Object.values(STATES) : request.states;
  return {
    ...{ requestId, account: request.account || DEFAULT_ACCOUNT },
    scope: { productKey, firmwareId, jobId, iotInstanceId },
    ...{ reason, states: OPEN_STATES.filter((state) => asked.includes(STATES[state])) },
    ...{ keepStrategies, includeNewJobs, listInstalled, etag, priority, settleMs, timeToLiveMs },
  };
}

/** The same for the wire. */
export function wireStopOf(spec: StopSpec): StopRolloutRequest {
  const { requestId, account, scope, reason, states, etag, priority, settleMs, timeToLiveMs } = spec;
  const { keepStrategies, includeNewJobs, listInstalled } = spec;
  return {
    ...{ requestId, account, ...scope, reason, keepStrategies, includeNewJobs, listInstalled, etag },
    states: states.map((state) => STATES[state]),
    settle: durationOf(settleMs),
    timeToLive: durationOf(timeToLiveMs),
    priority: wirePriorityOf(priority),
  };
}

/**
 * A stop is an emergency unless its caller says otherwise. It must not fail for a priority that
 * nobody has asked for, so the default is the highest one that its caller may use.
 */
function priorityOf(priority: WirePriority, { priorities }: Allowed): Priority | undefined {
  if (priority !== WirePriority.UNSPECIFIED) return WIRE_PRIORITIES.get(priority);
  return PRIORITIES.find((each) => !priorities || priorities.has(each)) ?? "urgent";
}
