// Around every handler: the caller's context in, exactly one answer out. grpc-js itself lets an
// async throw hang the call, answers twice if called twice, and shows the text of any Error.
import { type handleUnaryCall, type sendUnaryData, status } from "@grpc/grpc-js";
import type { GatewayError } from "../../gateway/errors.js";
import type { Identity } from "../../identity/identity.js";
import { identify } from "../transport/caller.js";
import { checkDecoded, isDecoded } from "../wire/decoding.js";
import { turnedAway } from "./access.js";
import { type AdmittedRpc, UNAUTHENTICATED } from "./in-flight.js";
import { type AnyRpc, type HandlerOptions, Rpc, type RpcContext } from "./rpc.js";

/** What is to be done for an rpc that was let in. */
type Serve = (admitted: AdmittedRpc, identity: Identity, startedMs: number) => void;

/**
 * Finds out who calls: at once, unless there is a token to be verified. Nothing else comes before it, so nobody learns
 * anything by calling without credentials.
 */
export function admitRpc(
  call: AnyRpc,
  { clock, inFlight, authentication, streamOf }: HandlerOptions,
  serve: Serve,
): void {
  const startedMs = clock.now();
  const stream = streamOf?.(call.metadata);
  const enter = (identity: Identity) => {
    const admitted = inFlight.enter(typeof identity === "string" ? identity : UNAUTHENTICATED, call, stream);
    serve(admitted, identity, startedMs);
  };
  const identity = stream?.identity ?? identify(call, authentication);
  if (typeof identity !== "function") {
    enter(identity);
    return;
  }
  void identity().then((known) => {
    if (!call.cancelled) enter(known); // a caller that has left meanwhile is asked for nothing
  });
}

/**
 * The grpc-js handler of a unary method. `refused` is told of strangers that were turned away, with what they
 * asked if it was a message of the method.
 */
export function unary<Request, Response>(
  method: string,
  options: HandlerOptions,
  handle: (request: Request, context: RpcContext) => Response | Promise<Response>,
  refused?: (request: Request | undefined, context: RpcContext, error: GatewayError) => void,
): handleUnaryCall<Request, Response> {
  const answerOf = (request: Request, rpc: Rpc) => {
    if (rpc.stranger) {
      const error = turnedAway(rpc.stranger);
      refused?.(isDecoded(request) ? request : undefined, rpc, error);
      throw error;
    }
    checkDecoded(request);
    return handle(request, rpc);
  };
  return (call, callback: sendUnaryData<Response>) =>
    admitRpc(call, options, (admitted, identity, startedMs) => {
      admitted.schedule(() => {
        admitted.taken();
        const rpc = new Rpc(method, call, admitted, identity, startedMs, options);
        // Who has left while it waited for its turn is asked for nothing.
        if (admitted.isOver) return rpc.leave();
        const answered = (response: Response) =>
          admitted.schedule(() => {
            callback(null, response);
            rpc.finish(status.OK);
          });
        const failed = (error: unknown) => {
          const wire = rpc.fail(error);
          admitted.schedule(() => {
            callback(wire);
            rpc.finish(wire.code);
          });
        };
        let answer: Response | Promise<Response>;
        try {
          answer = answerOf(call.request, rpc);
        } catch (error) {
          return failed(error);
        }
        if (answer instanceof Promise) answer.then(answered, failed);
        else answered(answer);
      });
    });
}
