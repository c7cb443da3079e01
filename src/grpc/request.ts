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

/** What a request is checked against. */
export interface RequestLimits {
  readonly maxDevices: number;
  readonly accounts: ReadonlySet<string>;
}

/** The upstream documents no grammar for its ids; its samples are letters, digits and `*`. */
const ID = /^[\x21-\x7e]{1,64}$/;

/** As the upstream's RegisterDevice documents names. */
const DEVICE_NAME = /^[A-Za-z0-9\-_@.:]{4,32}$/;

const CONTROL = /[\p{Cc}\u2028\u2029]/u;
const MAX_REASON_LENGTH = 256;

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
    ...reasonViolations(request.reason),
    ...(request.verify ? [{ field: "verify", description: "is not supported by this version" }] : []),
  ];
  if (violations.length > 0 || !priority) {
    throw new GatewayError({ kind: "invalid", message: "the request can never work", violations });
  }
  const { productKey, firmwareId, jobId, iotInstanceId, deviceNames, requireAll } = request;
  const scope = { productKey, firmwareId, jobId, iotInstanceId };
  return { account, scope, deviceNames, caller, priority, answerByMs, requireAll };
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
  const description = named ? "is not configured" : `is required: there is no account "${DEFAULT_ACCOUNT}"`;
  return [{ field: "account", description }];
}

function idViolations(field: string, id: string, required: boolean): Violation[] {
  if (id === "") return required ? [{ field, description: "is required" }] : [];
  return ID.test(id) ? [] : [{ field, description: "must be 1-64 printable ASCII characters" }];
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
    if (!DEVICE_NAME.test(name)) {
      violations.push({ field: `${field}[${index}]`, description: "must be 4-32 of A-Za-z0-9-_@.:" });
    } else if (first !== undefined) {
      violations.push({ field: `${field}[${index}]`, description: `repeats ${field}[${first}]` });
    }
  }
  return violations;
}

function reasonViolations(reason: string): Violation[] {
  const field = "reason";
  if (reason.length > MAX_REASON_LENGTH) return [{ field, description: `is over ${MAX_REASON_LENGTH} characters` }];
  return CONTROL.test(reason) ? [{ field, description: "has control characters" }] : [];
}
