// Reads a failed rpc as its client would: the status, and the details in `grpc-status-details-bin`.
import { type Metadata, type ServiceError, status } from "@grpc/grpc-js";
import {
  BadRequest,
  type BadRequest_FieldViolation,
  ErrorInfo,
  QuotaFailure,
  ResourceInfo,
  RetryInfo,
} from "../../src/gen/google/rpc/error_details.js";
import { Status } from "../../src/gen/google/rpc/status.js";

export interface RpcFailure {
  readonly code: keyof typeof status;
  readonly message: string;
  readonly reason: string | undefined;
  readonly domain: string | undefined;
  /** From the ErrorInfo. */
  readonly metadata: Readonly<Record<string, string>>;
  readonly violations: readonly Pick<BadRequest_FieldViolation, "field" | "description">[];
  readonly devices: readonly Pick<ResourceInfo, "resourceName" | "description">[];
  readonly quotaSubjects: readonly string[];
  /** From the RetryInfo. */
  readonly retryAfterMs: number | undefined;
  /** As it is in the trailer. */
  readonly pushback: string | undefined;
}

/** The part that grpc-js gives to servers and clients alike. */
type Failed = Pick<ServiceError, "code" | "details" | "metadata">;

/** Reads a failure, and throws if it contradicts itself. */
export function readFailure({ code, details: message, metadata }: Failed): RpcFailure {
  const encoded = metadata.get("grpc-status-details-bin")[0];
  const decoded = Buffer.isBuffer(encoded) ? Status.decode(encoded) : undefined;
  if (decoded && (decoded.code !== code || decoded.message !== message)) {
    throw new Error(`the details say ${decoded.code} ${decoded.message}, the status says ${code} ${message}`);
  }
  const all = <T>(type: string, { decode }: { decode(input: Uint8Array): T }): T[] =>
    (decoded?.details ?? [])
      .filter(({ typeUrl }) => typeUrl === `type.googleapis.com/google.rpc.${type}`)
      .map(({ value }) => decode(value));
  const [info] = all("ErrorInfo", ErrorInfo);
  const [retryDelay] = all("RetryInfo", RetryInfo).map((retryInfo) => retryInfo.retryDelay);
  return {
    code: status[code] as keyof typeof status,
    message,
    reason: info?.reason,
    domain: info?.domain,
    metadata: { ...info?.metadata },
    violations: all("BadRequest", BadRequest).flatMap(({ fieldViolations }) =>
      fieldViolations.map(({ field, description }) => ({ field, description })),
    ),
    devices: all("ResourceInfo", ResourceInfo).map(({ resourceName, description }) => ({ resourceName, description })),
    quotaSubjects: all("QuotaFailure", QuotaFailure).flatMap(({ violations }) =>
      violations.map(({ subject }) => subject),
    ),
    retryAfterMs: retryDelay && Number(retryDelay.seconds) * 1000 + retryDelay.nanos / 1e6,
    pushback: textOf(metadata, "grpc-retry-pushback-ms"),
  };
}

/** How an rpc failed; throws if it did not. */
export async function failureOf(rpc: Promise<unknown>): Promise<RpcFailure> {
  let answer: unknown;
  try {
    answer = await rpc;
  } catch (error) {
    return readFailure(error as ServiceError);
  }
  throw new Error(
    `it did not fail: ${JSON.stringify(answer, (_, value) => (typeof value === "bigint" ? `${value}` : value))}`,
  );
}

function textOf(metadata: Metadata, key: string): string | undefined {
  const value = metadata.get(key)[0];
  return typeof value === "string" ? value : undefined;
}
