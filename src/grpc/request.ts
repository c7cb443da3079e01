// From what stands on the wire to a command, or to everything that is wrong with it at once. Nothing
// here costs quota.
import { type Command, DEFAULT_ACCOUNT, type Priority } from "../gateway/command.js";
import { GatewayError, type Violation } from "../gateway/errors.js";
import {
  type CancelTasksByDeviceRequest,
  type GetQuotaRequest,
  Priority as WirePriority,
} from "../gen/ota/v1/ota_service.js";
import type { Touched } from "../identity/rights.js";
import { ACCOUNT, DEVICE_NAME, ID, REASON, type TextRule, wrongWith } from "../text-rules.js";

/** What a request is checked against. */
export interface RequestLimits {
  readonly maxDevices: number;
  readonly accounts: ReadonlySet<string>;
}

const PRIORITIES: ReadonlyMap<WirePriority, Priority> = new Map([
  [WirePriority.UNSPECIFIED, "normal"],
  [WirePriority.BULK, "bulk"],
  [WirePriority.NORMAL, "normal"],
  [WirePriority.URGENT, "urgent"],
]);

/** What a request would touch, before anything of it is checked. */
export function touchedBy({ account, productKey, priority, verify }: CancelTasksByDeviceRequest): Touched {
  return { account: account || DEFAULT_ACCOUNT, productKey, priority: PRIORITIES.get(priority), verify };
}

/** Throws GatewayError with every violation. */
export function commandOf(
  request: CancelTasksByDeviceRequest,
  caller: string,
  answerByMs: number,
  limits: RequestLimits,
): Command {
  const account = request.account || DEFAULT_ACCOUNT;
  const priority = PRIORITIES.get(request.priority);
  const violations: Violation[] = [];
  checkId("product_key", request.productKey, true, violations);
  checkId("firmware_id", request.firmwareId, true, violations);
  checkNames(request.deviceNames, limits.maxDevices, violations);
  checkId("job_id", request.jobId, false, violations);
  checkId("iot_instance_id", request.iotInstanceId, false, violations);
  checkAccount(request.account, limits, violations);
  if (!priority) violations.push({ field: "priority", description: "is not known" });
  checkText("reason", request.reason, REASON, violations);
  if (violations.length > 0 || !priority) {
    throw new GatewayError({ kind: "invalid", message: "the request can never work", violations });
  }
  const { productKey, firmwareId, jobId, iotInstanceId, deviceNames, requireAll, verify } = request;
  const scope = { productKey, firmwareId, jobId, iotInstanceId };
  return { account, scope, deviceNames, caller, priority, answerByMs, requireAll, verify };
}

/** The configured account that GetQuota asks for. Throws GatewayError if there is none. */
export function accountOf(request: GetQuotaRequest, limits: RequestLimits): string {
  const account = request.account || DEFAULT_ACCOUNT;
  const violations: Violation[] = [];
  checkAccount(request.account, limits, violations);
  if (violations.length === 0) return account;
  throw new GatewayError({ kind: "invalid", message: "the request can never work", violations });
}

// Each adds what is wrong, in the order of the fields: a request without a fault costs no array.

function checkAccount(named: string, { accounts }: RequestLimits, violations: Violation[]): void {
  if (accounts.has(named || DEFAULT_ACCOUNT)) return;
  const description = named
    ? (wrongWith(named, ACCOUNT) ?? "is not configured")
    : `is required: there is no account "${DEFAULT_ACCOUNT}"`;
  violations.push({ field: "account", description });
}

function checkId(field: string, id: string, required: boolean, violations: Violation[]): void {
  if (id !== "") checkText(field, id, ID, violations);
  else if (required) violations.push({ field, description: "is required" });
}

function checkNames(names: readonly string[], maxDevices: number, violations: Violation[]): void {
  const field = "device_names";
  if (names.length === 0 || names.length > maxDevices) {
    const description = `has ${names.length} names, at most ${maxDevices} are allowed`;
    violations.push({ field, description: names.length === 0 ? "is required" : description });
    return;
  }
  const firstIndexes = names.length > 1 ? new Map<string, number>() : undefined;
  for (let index = 0; index < names.length; index++) {
    const name = names[index] as string;
    const first = firstIndexes?.get(name);
    if (first === undefined) firstIndexes?.set(name, index);
    const wrong = wrongWith(name, DEVICE_NAME) ?? (first === undefined ? undefined : `repeats ${field}[${first}]`);
    if (wrong) violations.push({ field: `${field}[${index}]`, description: wrong });
  }
}

function checkText(field: string, text: string, rule: TextRule, violations: Violation[]): void {
  const description = wrongWith(text, rule);
  if (description) violations.push({ field, description });
}
