// Around every handler: the caller's context in, exactly one answer out. grpc-js itself lets an
// async throw hang the call, answers twice if called twice, and shows the text of any Error.
import { type handleUnaryCall, type sendUnaryData, status } from "@grpc/grpc-js";
import type { GatewayError } from "../gateway/errors.js";
import type { Identity } from "../identity/identity.js";
import { turnedAway } from "./access.js";
import { identify } from "./call-context.js";
import { checkDecoded, isDecoded } from "./decoding.js";
import type { Visit } from "./door.js";
import { type AnyCall, type CallContext, type HandlerOptions, OpenCall, SERVER_FAULTS } from "./open-call.js";
import { type WireError, wireErrorOf } from "./status.js";

/**
 * Finds out who calls, and serves them: at once, unless there is a token to be verified. Nothing else comes
 * before it, so nobody learns anything by calling without credentials.
 */
export function identified<Call extends AnyCall>(
  call: Call,
  options: HandlerOptions,
  serve: (call: Call, identity: Identity, startedMs: number) => void,
): void {
  const startedMs = options.clock.now();
  const identity = identify(call, options.authentication);
  if (identity instanceof Promise) {
    void identity.then((known) => {
      if (!call.cancelled) serve(call, known, startedMs); // who has left meanwhile is asked for nothing
    });
  } else {
    serve(call, identity, startedMs);
  }
}

/**
 * Lets a call in, or refuses it: without a span and without a line in the log, for those who are refused come in
 * thousands, and then no faster than is good for the others.
 */
export function enter(
  method: string,
  call: AnyCall,
  identity: Identity,
  { door, rpcEnded }: HandlerOptions,
  refuse: (error: WireError) => void,
): Visit | undefined {
  try {
    return door.enter(typeof identity === "string" ? identity : "", call);
  } catch (error) {
    door.pace(() => {
      if (call.cancelled) return false;
      const wire = wireErrorOf(error); // not before: it is the larger part of what thousands hold that wait to be refused
      refuse(wire);
      rpcEnded?.(method, status[wire.code], SERVER_FAULTS.has(wire.code), 0);
      return true;
    });
    return undefined;
  }
}

/**
 * The grpc-js handler of a unary method. `refused` is told of strangers that were turned away, with what they
 * asked if it was a message of the method.
 */
export function unary<Request, Response>(
  method: string,
  options: HandlerOptions,
  handle: (request: Request, context: CallContext) => Response | Promise<Response>,
  refused?: (request: Request | undefined, context: CallContext, error: GatewayError) => void,
): handleUnaryCall<Request, Response> {
  const answerOf = (request: Request, open: OpenCall) => {
    if (open.stranger) {
      const error = turnedAway(open.stranger);
      refused?.(isDecoded(request) ? request : undefined, open, error);
      throw error;
    }
    checkDecoded(request);
    return handle(request, open);
  };
  return (call, callback: sendUnaryData<Response>) =>
    identified(call, options, (_, identity, startedMs) => {
      const visit = enter(method, call, identity, options, callback);
      visit?.pass(() => {
        const open = new OpenCall(method, call, visit, identity, startedMs, options);
        // Who has left while it waited for its turn is asked for nothing.
        if (visit.isOver) return open.leave();
        const answered = (response: Response) =>
          visit.pass(() => {
            callback(null, response);
            open.finish(status.OK);
          });
        const failed = (error: unknown) => {
          const wire = open.fail(error);
          visit.pass(() => {
            callback(wire);
            open.finish(wire.code);
          });
        };
        let answer: Response | Promise<Response>;
        try {
          answer = answerOf(call.request, open);
        } catch (error) {
          return failed(error);
        }
        if (answer instanceof Promise) answer.then(answered, failed);
        else answered(answer);
      });
    });
}
