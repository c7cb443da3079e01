// The client of OtaService for Node services: promises, outcomes by name, and errors that say why.
// It retries safe failures. A repeated cancel may hit a device that started another upgrade in the
// meantime.
import type { Metadata, ServiceError } from "@grpc/grpc-js";
import { context } from "@opentelemetry/api";
import { sleepUntil, systemClock } from "../base/clock.js";
import { DeadlineExceeded, withDeadline } from "../base/deadline.js";
import type {
  CancelTasksByDeviceResponse,
  GetQuotaResponse,
  Rollout as WireRollout,
} from "../gen/ota/v1/ota_service.js";
import { checkAccountType, checkOptionTypes } from "./argument-types.js";
import type { CallOptions, StartUnary } from "./call.js";
import { callMetadata, type Token } from "./call-metadata.js";
import { type CancelAllOptions, cancelAll } from "./cancel-all.js";
import { openChannel, type TlsOptions } from "./channel.js";
import { createOperations, type OperationHandle } from "./operation.js";
import type { OperationStatus } from "./operation-status.js";
import { closedError, OtaError, otaErrorOf, ownError, thrownError } from "./ota-error.js";
import type { CancelRequest, CancelScope, StopRequest, SubmitSpec } from "./request.js";
import { type CancelResponse, cancelResponseOf, type DeviceResult, type Quota, quotaOf } from "./response.js";
import { type Rollout, type RolloutRequest, rolloutByWire } from "./rollout.js";
import { timeoutOf } from "./timeout.js";
import { wireRequestOf, wireRolloutRequestOf } from "./wire-request.js";

export type { CallOptions } from "./call.js";
export type { Token } from "./call-metadata.js";
export type { CancelAllOptions, CancelAllProgress } from "./cancel-all.js";
export type { TlsOptions } from "./channel.js";
export type { Failure, FailureReason, Violation } from "./failure.js";
export type { OperationHandle, OperationWaitOptions } from "./operation.js";
export type { OperationStatus } from "./operation-status.js";
export { OtaError } from "./ota-error.js";
export type { CancelRequest, CancelScope, Priority, StopRequest, SubmitSpec } from "./request.js";
export {
  type CancelPlan,
  type CancelResponse,
  type DeviceResult,
  isGood,
  type Outcome,
  type Quota,
  type UpstreamCall,
} from "./response.js";
export type { JobCounts, Rollout, RolloutJob, RolloutRequest } from "./rollout.js";
export type { JobStop, StopProgress } from "./stop-progress.js";

export interface ConnectOptions {
  /** The caller's name, where the gateway does not authenticate callers. */
  readonly caller?: string;
  /** Without it, everything travels in plain text. */
  readonly tls?: TlsOptions | true;
  readonly token?: Token;
}

/** A client of one gateway. Its promises reject with OtaError. */
export interface Client {
  /**
   * Resolves if at least one device ended well, or with `requireAll` if every one did. With
   * `validateOnly` it resolves if the request is valid.
   */
  cancelTasksByDevice(request: CancelRequest, options?: CallOptions): Promise<CancelResponse>;
  /**
   * Cancels for any number of devices. Yields one result for each name that it took from `names`,
   * in the order of completion. If it throws, it yields all results first; devices that were under
   * way are then UNKNOWN.
   */
  cancelAll(
    names: Iterable<string> | AsyncIterable<string>,
    scope: CancelScope,
    options?: CancelAllOptions,
  ): AsyncGenerator<DeviceResult, void, undefined>;
  getQuota(account?: string, options?: CallOptions): Promise<Quota>;
  /** Reads the update batches of a package, and how many devices are in which state. */
  rollout(request: RolloutRequest, options?: CallOptions): Promise<Rollout>;
  /**
   * Stores a list of any length at the gateway, which cancels it in the background. Resolves with
   * the operation once it is stored; from then on this process is not needed.
   */
  submit(
    names: Iterable<string> | AsyncIterable<string>,
    spec: SubmitSpec,
    options?: CallOptions,
  ): Promise<OperationHandle>;
  /**
   * Stops every open batch of a package, or one of them. Resolves with the operation once the order
   * is stored; from then on this process is not needed. See `rollout` for what it would reach.
   */
  stopRollout(request: StopRequest, options?: CallOptions): Promise<OperationHandle>;
  /** The operation of this name; asks nothing. */
  operation(name: string): OperationHandle;
  /** Your operations, newest first: all of them, or those that are done or not. */
  operations(options?: { readonly done?: boolean }): AsyncGenerator<OperationStatus, void, undefined>;
  /** Closes the client. Calls under way are still answered; later ones fail with CANCELLED. */
  close(): void;
}

/** Where a draining gateway does not say when to retry. */
const DRAINING_RETRY_MS = 100;

/**
 * Creates a client of the gateway at `host:port`. Connects at the first call, and reconnects when
 * needed.
 */
export function connect(address: string, { caller, tls, token }: ConnectOptions = {}): Client {
  // An unset variable, from JavaScript.
  if (typeof address !== "string") throw new Error(`the gateway's address must be a string, is ${typeof address}`);
  // Without this check, every rpc would fail with an error that does not say why.
  if (caller && !/^[\x21-\x7e]+$/.test(caller))
    throw new Error("the caller's name must be visible ASCII without blanks");
  const stub = openChannel(address, tls, token !== undefined);
  let isClosed = false;
  const metadata = async (trace = context.active()) => {
    if (isClosed) throw closedError(); // before the token function is called
    return callMetadata(caller, token, trace);
  };
  /** Runs `start`. Throws OtaError. */
  const begin = <Call>(start: () => Call): Call => {
    if (isClosed) throw closedError();
    try {
      return start();
    } catch (error) {
      throw thrownError(error);
    }
  };

  /** The metadata of a call, before its timeout. A token function may take longer, or never end. */
  function headersOf(timeoutMs: number, signal: AbortSignal | undefined): Promise<Metadata> {
    const headers = metadata().catch((error: unknown) => {
      throw thrownError(error);
    });
    return withDeadline(systemClock, systemClock.now() + timeoutMs, headers, { signal }).catch((error: unknown) => {
      if (!(error instanceof DeadlineExceeded)) throw error;
      throw ownError("DEADLINE_EXCEEDED", `the token function did not answer within ${timeoutMs} ms`);
    });
  }

  async function unary<Response>(start: StartUnary<Response>, options: CallOptions): Promise<Response> {
    checkOptionTypes(options);
    const { signal } = options;
    const timeoutMs = timeoutOf(options.timeoutMs);
    const deadline = { deadline: Date.now() + timeoutMs };
    const deadlineMs = systemClock.now() + timeoutMs;
    const ready = await headersOf(timeoutMs, signal);
    const attempt = () =>
      new Promise<Response>((resolve, reject) => {
        const done = (error: ServiceError | null, response: Response) => {
          signal?.removeEventListener("abort", leave);
          if (!error) resolve(response);
          else reject(signal?.aborted ? signal.reason : otaErrorOf(error));
        };
        const call = begin(() => start(ready, deadline, done));
        const leave = () => call.cancel();
        signal?.addEventListener("abort", leave, { once: true });
      });
    for (;;) {
      signal?.throwIfAborted(); // nothing would say so any more
      try {
        return await attempt();
      } catch (error) {
        // The policy's attempts can all meet the replica that drains. Nothing of it was accepted.
        if (!(error instanceof OtaError) || error.reason !== "DRAINING" || isClosed) throw error;
        const againMs = systemClock.now() + (error.retryAfterMs ?? DRAINING_RETRY_MS);
        if (againMs >= deadlineMs) throw error;
        await sleepUntil(systemClock, againMs, signal);
      }
    }
  }

  const { submit, stopRollout, operation, operations } = createOperations({
    clock: systemClock,
    stub,
    unary,
    begin,
    headersOf,
  });

  return {
    submit,
    stopRollout,
    operation,
    operations,
    async cancelTasksByDevice(request, options = {}) {
      const message = wireRequestOf(request);
      const start: StartUnary<CancelTasksByDeviceResponse> = (...rest) => stub.cancelTasksByDevice(message, ...rest);
      return cancelResponseOf(await unary(start, options));
    },
    cancelAll(names, scope, options = {}) {
      const trace = context.active(); // kept: the stream may be opened again much later
      const open = async () => {
        const headers = await metadata(trace);
        return begin(() => stub.streamCancelTasksByDevice(headers));
      };
      return cancelAll(names, scope, options, { clock: systemClock, open });
    },
    async getQuota(account = "", options = {}) {
      checkAccountType(account);
      const start: StartUnary<GetQuotaResponse> = (...rest) => stub.getQuota({ account }, ...rest);
      return quotaOf(await unary(start, options));
    },
    async rollout(request, options = {}) {
      const message = wireRolloutRequestOf(request);
      const start: StartUnary<WireRollout> = (...rest) => stub.getRollout(message, ...rest);
      return rolloutByWire(await unary(start, options));
    },
    close() {
      isClosed = true;
      stub.close();
    },
  };
}
