// The violations of a request, and the checks that several requests share. Each check adds its
// violations, in the order of the fields; names come last, because there may be thousands.
import { ACCOUNT, ID, type TextRule, wrongWith } from "../../base/text-rules.js";
import { DEFAULT_ACCOUNT } from "../../gateway/command.js";
import { GatewayError, MOST_VIOLATIONS, type Violation } from "../../gateway/failures.js";

/** Collects violations, and keeps only those that will be listed: there may be 100,000s. */
export class Violations {
  count = 0;
  readonly #listed: Violation[] = [];

  add(field: string, description: string, index?: number): void {
    this.count++;
    if (this.#listed.length === MOST_VIOLATIONS) return;
    this.#listed.push({ field: index === undefined ? field : `${field}[${index}]`, description });
  }

  error(): GatewayError {
    const [violations, unlisted] = [this.#listed, this.count - this.#listed.length];
    return new GatewayError({ kind: "invalid", message: "invalid request", violations, unlisted });
  }
}

interface AskedScope {
  readonly productKey: string;
  readonly firmwareId: string;
  readonly jobId: string;
  readonly iotInstanceId: string;
  readonly account: string;
}

/** `prefix`: of the names of its fields. */
export function checkScope(
  { productKey, firmwareId, jobId, iotInstanceId, account }: AskedScope,
  accounts: ReadonlySet<string>,
  violations: Violations,
  prefix = "",
): void {
  checkIdField(`${prefix}product_key`, productKey, true, violations);
  checkIdField(`${prefix}firmware_id`, firmwareId, true, violations);
  checkIdField(`${prefix}job_id`, jobId, false, violations);
  checkIdField(`${prefix}iot_instance_id`, iotInstanceId, false, violations);
  checkAccountField(account, accounts, violations, `${prefix}account`);
}

export function checkAccountField(
  named: string,
  accounts: ReadonlySet<string>,
  violations: Violations,
  field = "account",
): void {
  if (accounts.has(named || DEFAULT_ACCOUNT)) return;
  const description = named
    ? (wrongWith(named, ACCOUNT) ?? "is not configured")
    : `is required: there is no account "${DEFAULT_ACCOUNT}"`;
  violations.add(field, description);
}

export function checkIdField(field: string, id: string, required: boolean, violations: Violations): void {
  if (id !== "") checkTextField(field, id, ID, violations);
  else if (required) violations.add(field, "is required");
}

export function checkTextField(field: string, text: string, rule: TextRule, violations: Violations): void {
  const description = wrongWith(text, rule);
  if (description) violations.add(field, description);
}
