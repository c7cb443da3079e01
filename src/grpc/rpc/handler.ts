// Around every handler: the caller's context in, exactly one answer out. grpc-js itself lets an
// async throw hang the call, answers twice if called twice, and shows the text of any Error.
import { type handleUnaryCall, type sendUnaryData, status } from "@grpc/grpc-js";
import type { GatewayError } from "../../gateway/errors.js";
import type { Identity } from "../../identity/identity.js";
import { checkDecoded, isDecoded } from "../wire/decoding.js";
import { type WireError, wireErrorOf } from "../wire/status.js";
import { turnedAway } from "./access.js";
import { identify } from "./caller.js";
import { type AdmittedRpc, UNAUTHENTICATED } from "./in-flight.js";
import { type AnyRpc, type HandlerOptions, Rpc, type RpcContext, SERVER_FAULTS } from "./rpc.js";

/** What is to be done for an rpc that was let in. */
type Serve = (admitted: AdmittedRpc, identity: Identity, startedMs: number) => void;

/**
 * Finds out who calls, and lets the call in or refuses it: at once, unless there is a token to be verified. Nothing
 * else comes before it, so nobody learns anything by calling without credentials. Who is refused has no span and no
 * line in the log, for they come in thousands, and is told no faster than is good for the others.
 */
export function admitRpc(
  method: string,
  call: AnyRpc,
  { clock, inFlight, authentication, rpcEnded }: HandlerOptions,
  refuse: (error: WireError) => void,
  serve: Serve,
): void {
  const startedMs = clock.now();
  const orRefuse = <T>(letIn: () => T): T | undefined => {
    try {
      return letIn();
    } catch (error) {
      inFlight.pace(() => {
        if (call.cancelled) return false;
        const wire = wireErrorOf(error); // not before: it is the larger part of what thousands hold that wait to be refused
        refuse(wire);
        rpcEnded?.(method, status[wire.code], SERVER_FAULTS.has(wire.code), clock.now() - startedMs);
        return true;
      });
      return undefined;
    }
  };
  const enter = (identity: Identity) => {
    const admitted = orRefuse(() => inFlight.enter(typeof identity === "string" ? identity : UNAUTHENTICATED, call));
    if (admitted) serve(admitted, identity, startedMs);
  };
  const identity = identify(call, authentication);
  if (typeof identity !== "function") {
    enter(identity);
    return;
  }
  const leave = orRefuse(() => inFlight.enterUnverified(call));
  if (!leave) return;
  void identity().then((known) => {
    leave();
    if (!call.cancelled) enter(known); // who has left meanwhile is asked for nothing
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
    admitRpc(method, call, options, callback, (admitted, identity, startedMs) => {
      admitted.schedule(() => {
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
