// Around every handler: the caller's context in, exactly one answer out. grpc-js itself lets an
// async throw hang the call, answers twice if called twice, and shows the text of any Error.
import { type handleUnaryCall, type Metadata, type ServerUnaryCall, type sendUnaryData, status } from "@grpc/grpc-js";
import { propagation, ROOT_CONTEXT, type Span, type TextMapGetter } from "@opentelemetry/api";
import type { Clock } from "../clock.js";
import { GatewayError } from "../gateway/errors.js";
import type { Identity, Stranger } from "../identity/identity.js";
import type { Log } from "../log.js";
import { endRpcSpan, startRpcSpan, traceOf } from "../telemetry/instruments.js";
import type { Metrics } from "../telemetry/metrics.js";
import { turnedAway } from "./access.js";
import { type Authentication, answerByMs, type Calling, identify } from "./call-context.js";
import { checkDecoded, isDecoded } from "./decoding.js";
import { type WireError, wireErrorOf } from "./status.js";

/** What a handler knows about its call, beside the message. */
export interface CallContext {
  /** Empty for a stranger. */
  readonly caller: string;
  /** There if it is one: nothing is to be done for it. */
  readonly stranger?: Stranger;
  /** Monotonic time by which to answer. */
  readonly answerByMs: number;
  readonly span: Span;
  /** Calls `leave` if the caller leaves, or its deadline passes, before the answer. */
  onAbort(leave: () => void): void;
}

export interface HandlerOptions {
  readonly clock: Clock;
  readonly log: Log;
  readonly defaultDeadlineMs: number;
  /** Undefined if nobody has to prove who they are. */
  readonly authentication?: Authentication | undefined;
  /** Told of every rpc that has been answered. */
  readonly rpcEnded?: Metrics["rpcEnded"];
}

/** Statuses that are the server's failing, by the semantic conventions for rpc spans. */
const SERVER_FAULTS: ReadonlySet<status> = new Set([
  status.UNKNOWN,
  status.DEADLINE_EXCEEDED,
  status.UNIMPLEMENTED,
  status.INTERNAL,
  status.UNAVAILABLE,
  status.DATA_LOSS,
]);

const METADATA_GETTER: TextMapGetter<Metadata> = {
  keys: (metadata) => Object.keys(metadata.getMap()),
  get: (metadata, key) => metadata.get(key).filter((value) => typeof value === "string"),
};

/** What unary and streaming calls have in common. */
interface AnyCall extends Calling {
  readonly cancelled: boolean;
  getDeadline(): number | Date;
  on(event: "cancelled", listener: () => void): unknown;
}

/** A call that has been opened: what is known of it, and how it ends. */
export interface OpenCall {
  readonly context: CallContext;
  /** To be called once, when it has been answered. */
  finish(code: status): void;
  /** What to answer instead, and what the operator has to know of it. */
  fail(error: unknown): WireError;
}

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
  if (identity instanceof Promise) void identity.then((known) => serve(call, known, startedMs));
  else serve(call, identity, startedMs);
}

/** Opens a call of the method `pkg.Service/Method`, in its caller's trace. */
export function openCall(
  method: string,
  call: AnyCall,
  options: HandlerOptions,
  identity: Identity,
  startedMs: number,
): OpenCall {
  const { clock, log, defaultDeadlineMs, rpcEnded } = options;
  const stranger = typeof identity === "string" ? undefined : identity;
  const caller = typeof identity === "string" ? identity : "";
  let refused: string | undefined = stranger?.why;
  const span = startRpcSpan(method, caller, propagation.extract(ROOT_CONTEXT, call.metadata, METADATA_GETTER));
  return {
    context: {
      caller,
      ...(stranger && { stranger }),
      answerByMs: answerByMs(call.getDeadline(), defaultDeadlineMs, clock),
      span,
      // Also emitted after a normal end, where leaving does nothing any more.
      onAbort: (leave) => {
        if (call.cancelled)
          leave(); // while its token was verified
        else call.on("cancelled", leave);
      },
    },
    finish(code) {
      const durationMs = clock.now() - startedMs;
      const isServerFault = SERVER_FAULTS.has(code);
      endRpcSpan(span, status[code], isServerFault);
      rpcEnded?.(method, status[code], isServerFault, durationMs);
      const fields = { method, caller, status: status[code], durationMs: Math.round(durationMs), ...traceOf(span) };
      log.info(refused === undefined ? fields : { ...fields, why: refused, claimed: stranger?.claimed }, "rpc");
    },
    fail(error) {
      if (error instanceof GatewayError && error.failure.kind === "forbidden") refused = error.message;
      // Nobody expected it. A GatewayError was, and holds the caller's devices: no log may have those.
      if (!(error instanceof GatewayError)) log.error({ method, err: error }, "internal error");
      return wireErrorOf(error);
    },
  };
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
  const answer = async ({ request }: ServerUnaryCall<Request, Response>, context: CallContext) => {
    if (context.stranger) {
      const error = turnedAway(context.stranger);
      refused?.(isDecoded(request) ? request : undefined, context, error);
      throw error;
    }
    checkDecoded(request);
    return handle(request, context);
  };
  return (call, callback: sendUnaryData<Response>) =>
    identified(call, options, (_, identity, startedMs) => {
      const { context, finish, fail } = openCall(method, call, options, identity, startedMs);
      answer(call, context).then(
        (response) => {
          callback(null, response);
          finish(status.OK);
        },
        (error: unknown) => {
          const wire = fail(error);
          callback(wire);
          finish(wire.code);
        },
      );
    });
}
