// Takes every rpc through the same steps: identify the caller, wait for its turn, handle, answer
// exactly once. grpc-js itself would hang on an async throw, answer twice if called twice, and show
// the text of any Error.
import { type handleUnaryCall, type sendUnaryData, status } from "@grpc/grpc-js";
import type { GatewayError } from "../../gateway/failures.js";
import type { Identity } from "../../identity/identity.js";
import { identify, UNAUTHENTICATED } from "../transport/caller.js";
import { streamOf } from "../transport/stream-of-call.js";
import { checkDecoded, isDecoded } from "../wire/decoding.js";
import { turnedAway } from "./access.js";
import { type GrpcCall, Rpc, type RpcContext, type RpcOptions } from "./rpc.js";

/**
 * Identifies the caller, and calls `serve` in its turn. Credentials come first, so that a client
 * learns nothing without them. A caller that has left by then gets nothing.
 */
export function openRpc(method: string, call: GrpcCall, options: RpcOptions, serve: (rpc: Rpc) => void): void {
  const { clock, callerScheduler, authentication } = options;
  const startedMs = clock.now();
  const stream = streamOf(call);
  // A callback, not a promise: the scheduler times what it runs, and most identities are known at
  // once.
  const scheduleRpc = (identity: Identity) => {
    callerScheduler.schedule(identity.kind === "caller" ? identity.name : UNAUTHENTICATED, () => {
      const rpc = new Rpc(method, call, { identity, stream, startedMs }, options);
      if (rpc.hasLeft) rpc.finishUnserved();
      else serve(rpc);
    });
  };
  const found = stream?.identity ?? identify(call, authentication);
  if (found.kind === "pending") void found.verify().then(scheduleRpc);
  else scheduleRpc(found);
}

/**
 * The grpc-js handler of a unary method. `refused` learns of strangers that are turned away, with
 * their request if it was a message of the method.
 */
export function unary<Request, Response>(
  method: string,
  options: RpcOptions,
  handle: (request: Request, context: RpcContext) => Response | Promise<Response>,
  refused?: (request: Request | undefined, context: RpcContext, error: GatewayError) => void,
): handleUnaryCall<Request, Response> {
  return (call, callback) => {
    openRpc(method, call, options, (rpc) => void serve(rpc, call.request, callback));
  };

  async function serve(rpc: Rpc, request: Request, callback: sendUnaryData<Response>): Promise<void> {
    rpc.stream?.taken();
    let response: Response;
    try {
      checkCaller(rpc, request);
      checkDecoded(request);
      response = await handle(request, rpc);
    } catch (error) {
      const wire = rpc.fail(error);
      rpc.schedule(() => {
        callback(wire);
        rpc.finish(wire.code);
      });
      return;
    }
    rpc.schedule(() => {
      callback(null, response);
      rpc.finish(status.OK);
    });
  }

  function checkCaller(rpc: Rpc, request: Request): void {
    if (!rpc.stranger) return;
    const error = turnedAway(rpc.stranger);
    refused?.(isDecoded(request) ? request : undefined, rpc, error);
    throw error;
  }
}
