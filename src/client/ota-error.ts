// The error that all promises of the client reject with. Its fields say why, so that a program can
// decide by them.
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

/** An error that arose in this process, not at a gateway or on the way. */
export function ownError(
  code: "UNAUTHENTICATED" | "UNAVAILABLE" | "DEADLINE_EXCEEDED",
  message: string,
  cause?: unknown,
): OtaError {
  const failure: Failure = { reason: "TRANSPORT", code, message, violations: [], devices: {} };
  return new OtaError(failure, cause === undefined ? {} : { cause });
}

/** An error for a request that no gateway would accept. */
export function invalidError(field: string, description: string): OtaError {
  const message = `${field} ${description}`;
  const violations = [{ field, description }];
  return new OtaError({ reason: "INVALID_REQUEST", code: "INVALID_ARGUMENT", message, violations, devices: {} });
}

/** An error for a client that has been closed. Not UNAVAILABLE, because a retry never helps. */
export function closedError(): OtaError {
  const message = "the client has been closed; create a new one with connect()";
  return new OtaError({ reason: "ABORTED", code: "CANCELLED", message, violations: [], devices: {} });
}

/** Converts anything thrown before there was an rpc. */
export function thrownError(error: unknown): OtaError {
  if (error instanceof OtaError) return error;
  return ownError("UNAVAILABLE", `the rpc could not be started: ${kindOf(error)}`, error);
}

/**
 * The class of an error and its code, like `Error ENOENT`. Never its message, which may quote a
 * token.
 */
export function kindOf(error: unknown): string {
  if (!(error instanceof Error)) return `a thrown ${typeof error}`;
  const { code } = error as NodeJS.ErrnoException;
  return typeof code === "string" && /^[A-Z][A-Z0-9_]{1,39}$/.test(code) ? `${error.name} ${code}` : error.name;
}

/** The fields of an error as a plain object, for results. */
export function failureIn({ reason, code, message, violations, devices }: OtaError): Failure {
  return { reason, code, message, violations, devices };
}
