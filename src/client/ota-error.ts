// What the client's promises reject with: an Error that says why, in fields that a program can decide by.
import type { ServiceError } from "@grpc/grpc-js";
import { type Failure, type FailureReason, failureOfRpc, type Violation } from "./failure.js";

export class OtaError extends Error implements Failure {
  override readonly name = "OtaError";
  readonly reason: FailureReason | (string & {});
  readonly code: string;
  readonly retryAfterMs?: number;
  readonly upstreamCode?: string;
  readonly upstreamRequestId?: string;
  readonly violations: readonly Violation[];
  readonly devices: Readonly<Record<string, number>>;

  constructor(failure: Failure, options?: ErrorOptions) {
    super(failure.message, options);
    const { reason, code, violations, devices, retryAfterMs, upstreamCode, upstreamRequestId } = failure;
    this.reason = reason;
    this.code = code;
    this.violations = violations;
    this.devices = devices;
    if (retryAfterMs !== undefined) this.retryAfterMs = retryAfterMs;
    if (upstreamCode) this.upstreamCode = upstreamCode;
    if (upstreamRequestId) this.upstreamRequestId = upstreamRequestId;
  }
}

export function otaErrorOf(error: ServiceError): OtaError {
  return new OtaError(failureOfRpc(error), { cause: error });
}
