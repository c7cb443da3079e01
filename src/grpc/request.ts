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
  const violations: Violation[] = [
    ...idViolations("product_key", request.productKey, true),
    ...idViolations("firmware_id", request.firmwareId, true),
    ...nameViolations(request.deviceNames, limits.maxDevices),
    ...idViolations("job_id", request.jobId, false),
    ...idViolations("iot_instance_id", request.iotInstanceId, false),
    ...accountViolations(request.account, limits),
    ...(priority ? [] : [{ field: "priority", description: "is not known" }]),
    ...textViolations("reason", request.reason, REASON),
  ];
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
  const violations = accountViolations(request.account, limits);
  if (violations.length === 0) return account;
  throw new GatewayError({ kind: "invalid", message: "the request can never work", violations });
}

function accountViolations(named: string, { accounts }: RequestLimits): Violation[] {
  if (accounts.has(named || DEFAULT_ACCOUNT)) return [];
  const description = named
    ? (wrongWith(named, ACCOUNT) ?? "is not configured")
    : `is required: there is no account "${DEFAULT_ACCOUNT}"`;
  return [{ field: "account", description }];
}

function idViolations(field: string, id: string, required: boolean): Violation[] {
  if (id === "") return required ? [{ field, description: "is required" }] : [];
  return textViolations(field, id, ID);
}

function nameViolations(names: readonly string[], maxDevices: number): Violation[] {
  const field = "device_names";
  if (names.length === 0) return [{ field, description: "is required" }];
  if (names.length > maxDevices) {
    return [{ field, description: `has ${names.length} names, at most ${maxDevices} are allowed` }];
  }
  const violations: Violation[] = [];
  const firstIndexes = new Map<string, number>();
  for (const [index, name] of names.entries()) {
    const first = firstIndexes.get(name);
    if (first === undefined) firstIndexes.set(name, index);
    const wrong = wrongWith(name, DEVICE_NAME) ?? (first === undefined ? undefined : `repeats ${field}[${first}]`);
    if (wrong) violations.push({ field: `${field}[${index}]`, description: wrong });
  }
  return violations;
}

function textViolations(field: string, text: string, rule: TextRule): Violation[] {
  const description = wrongWith(text, rule);
  return description ? [{ field, description }] : [];
}
