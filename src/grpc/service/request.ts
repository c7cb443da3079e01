// Turns a request into a command, or into an error that lists everything wrong with it. Nothing
// here costs quota.
import { DEVICE_NAME, REASON, wrongWith } from "../../base/text-rules.js";
import { type Command, DEFAULT_ACCOUNT, type Priority } from "../../gateway/command.js";
import {
  type CancelSpec,
  type CancelTasksByDeviceRequest,
  type GetQuotaRequest,
  type GetRolloutRequest,
  Priority as WirePriority,
} from "../../gen/ota/v1/ota_service.js";
import type { Touched } from "../../identity/rights.js";
import type { CancelListSpec } from "../../operations/cancel-list.js";
import type { RolloutQuestion } from "../../rollout/rollout-reader.js";
import { durationMs, durationOf } from "../wire/details.js";
import { checkAccountField, checkIdField, checkScope, checkTextField, Violations } from "./violations.js";

/** Requests are checked against these. */
export interface RequestLimits {
  readonly maxDevices: number;
  readonly accounts: ReadonlySet<string>;
}

export const WIRE_PRIORITIES: ReadonlyMap<WirePriority, Priority> = new Map([
  [WirePriority.UNSPECIFIED, "normal"],
  [WirePriority.BULK, "bulk"],
  [WirePriority.NORMAL, "normal"],
  [WirePriority.URGENT, "urgent"],
]);

/** The most, and the default, of `time_to_live`. */
const MOST_TIME_TO_LIVE_MS = 24 * 3_600_000;
const TIME_TO_LIVE_MS = 3_600_000;

type Asked = Pick<CancelSpec, "account" | "productKey" | "priority" | "verify">;

/** Names what a request or a submission would touch. Nothing of it has been checked yet. */
export function touchedBy({ account, productKey, priority, verify }: Asked): Touched {
  return { account: account || DEFAULT_ACCOUNT, productKey, priority: WIRE_PRIORITIES.get(priority), verify };
}

/** The spec with its defaults. Throws GatewayError with every violation. */
export function listSpecOf(spec: CancelSpec, limits: RequestLimits): CancelListSpec {
  const priority = WIRE_PRIORITIES.get(spec.priority);
  const violations = new Violations();
  const timeToLiveMs = spec.timeToLive ? durationMs(spec.timeToLive) : TIME_TO_LIVE_MS;
  checkIdField("spec.request_id", spec.requestId, false, violations);
  checkScope(spec, limits.accounts, violations, "spec.");
  if (!priority) violations.add("spec.priority", "is not known");
  checkTextField("spec.reason", spec.reason, REASON, violations);
  if (spec.verify && spec.jobId === "") violations.add("spec.verify", "needs job_id");
  if (!(timeToLiveMs > 0 && timeToLiveMs <= MOST_TIME_TO_LIVE_MS)) {
    violations.add("spec.time_to_live", "must be more than 0 and at most 24 h");
  }
  if (violations.count > 0 || !priority) throw violations.error();
  const { requestId, productKey, firmwareId, jobId, iotInstanceId, reason, verify } = spec;
  const scope = { iotInstanceId, productKey, firmwareId, jobId };
  return { requestId, account: spec.account || DEFAULT_ACCOUNT, scope, priority, reason, verify, timeToLiveMs };
}

/** The same for the wire. */
export function wireSpecOf(spec: CancelListSpec): CancelSpec {
  const { requestId, account, scope, priority, reason, verify, timeToLiveMs } = spec;
  return {
    ...{ requestId, account, ...scope, reason, verify },
    priority: wirePriorityOf(priority),
    timeToLive: durationOf(timeToLiveMs),
  };
}

export function wirePriorityOf(priority: Priority): WirePriority {
  const named = [...WIRE_PRIORITIES].find(([wire, each]) => each === priority && wire !== WirePriority.UNSPECIFIED);
  return named?.[0] ?? WirePriority.NORMAL;
}

/** Throws GatewayError with every violation. */
export function commandOf(
  request: CancelTasksByDeviceRequest,
  caller: string,
  answerByMs: number,
  limits: RequestLimits,
): Command {
  const account = request.account || DEFAULT_ACCOUNT;
  const priority = WIRE_PRIORITIES.get(request.priority);
  const violations = new Violations();
  checkScope(request, limits.accounts, violations);
  if (!priority) violations.add("priority", "is not known");
  checkTextField("reason", request.reason, REASON, violations);
  if (request.checkDevices && !request.validateOnly) violations.add("check_devices", "requires validate_only");
  checkNames(request.deviceNames, limits.maxDevices, violations);
  if (violations.count > 0 || !priority) throw violations.error();
  const { productKey, firmwareId, jobId, iotInstanceId, deviceNames, requireAll, verify } = request;
  const scope = { productKey, firmwareId, jobId, iotInstanceId };
  return { account, scope, deviceNames, caller, priority, answerByMs, requireAll, verify };
}

/** The account that GetQuota asks for. Throws GatewayError if it is not configured. */
export function accountOf(request: GetQuotaRequest, limits: RequestLimits): string {
  const account = request.account || DEFAULT_ACCOUNT;
  const violations = new Violations();
  checkAccountField(request.account, limits.accounts, violations);
  if (violations.count === 0) return account;
  throw violations.error();
}

/** The rollout that GetRollout asks for. Throws GatewayError with every violation. */
export function rolloutQuestionOf(
  request: GetRolloutRequest,
  limits: RequestLimits,
): { readonly account: string; readonly question: RolloutQuestion } {
  const violations = new Violations();
  checkScope(request, limits.accounts, violations);
  if (violations.count > 0) throw violations.error();
  const { productKey, firmwareId, jobId, iotInstanceId } = request;
  return { account: request.account || DEFAULT_ACCOUNT, question: { productKey, firmwareId, jobId, iotInstanceId } };
}

/** Adds its violations, in the order of the names. */
function checkNames(names: readonly string[], maxDevices: number, violations: Violations): void {
  const field = "device_names";
  if (names.length === 0) violations.add(field, "is required");
  if (names.length > maxDevices) {
    violations.add(field, `has ${names.length} names, at most ${maxDevices} are allowed`);
  }
  const firstIndexes = names.length > 1 ? new Map<string, number>() : undefined;
  for (let index = 0; index < names.length; index++) {
    const name = names[index] as string;
    const first = firstIndexes?.get(name);
    if (first === undefined) firstIndexes?.set(name, index);
    const wrong = wrongWith(name, DEVICE_NAME) ?? (first === undefined ? undefined : `repeats ${field}[${first}]`);
    if (wrong) violations.add(field, wrong, index);
  }
}
