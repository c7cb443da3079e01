// The options of every unary call of the client, and the function that starts one.
import type { ClientUnaryCall, Metadata, ServiceError } from "@grpc/grpc-js";

export interface CallOptions {
  /** Aborts the call, which then rejects with the signal's reason. */
  readonly signal?: AbortSignal;
  /** How long to wait for the answer, retries included; at most 24.8 days. Defaults to 60,000. */
  readonly timeoutMs?: number;
}

/** Starts an rpc with this metadata. */
export type StartUnary<Response> = (
  metadata: Metadata,
  options: { readonly deadline: number },
  done: (error: ServiceError | null, response: Response) => void,
) => ClientUnaryCall;

/** Runs an rpc with the client's metadata, deadline and retries. Rejects with OtaError. */
export type Unary = <Response>(start: StartUnary<Response>, options: CallOptions) => Promise<Response>;
