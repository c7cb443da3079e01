// Around every handler: the caller's context in, exactly one answer out. grpc-js itself lets an
// async throw hang the call, answers twice if called twice, and shows the text of any Error.
import { type handleUnaryCall, type Metadata, status } from "@grpc/grpc-js";
import { propagation, ROOT_CONTEXT, type Span, type TextMapGetter } from "@opentelemetry/api";
import type { Clock } from "../clock.js";
import { GatewayError } from "../gateway/errors.js";
import type { Log } from "../log.js";
import { endRpcSpan, startRpcSpan, traceOf } from "../telemetry/instruments.js";
import type { Metrics } from "../telemetry/metrics.js";
import { answerByMs, callerOf } from "./call-context.js";
import { checkDecoded } from "./decoding.js";
import type { Door, Visit, VisitingCall } from "./door.js";
import { type WireError, wireErrorOf } from "./status.js";

/** What a handler knows about its call, beside the message. */
export interface CallContext {
  readonly caller: string;
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
  readonly door: Door;
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
interface AnyCall extends VisitingCall {
  readonly metadata: Metadata;
  getDeadline(): number | Date;
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
 * Lets a call in, or refuses it: at once, without a span and without a line in the log, for those who are refused
 * come in thousands.
 */
export function enter(
  method: string,
  call: AnyCall,
  { door, rpcEnded }: HandlerOptions,
  refuse: (error: WireError) => void,
): Visit | undefined {
  try {
    return door.enter(callerOf(call.metadata), call);
  } catch (error) {
    const wire = wireErrorOf(error);
    refuse(wire);
    rpcEnded?.(method, status[wire.code], SERVER_FAULTS.has(wire.code), 0);
    return undefined;
  }
}

/** Opens a call of the method `pkg.Service/Method`, in its caller's trace. */
export function openCall(method: string, call: AnyCall, visit: Visit, options: HandlerOptions): OpenCall {
  const { clock, log, defaultDeadlineMs, rpcEnded } = options;
  const startedMs = clock.now();
  const { caller } = visit;
  const span = startRpcSpan(method, caller, propagation.extract(ROOT_CONTEXT, call.metadata, METADATA_GETTER));
  return {
    context: {
      caller,
      answerByMs: answerByMs(call.getDeadline(), defaultDeadlineMs, clock),
      span,
      // Also emitted after a normal end, where leaving does nothing any more.
      onAbort: (leave) => visit.onOver(leave),
    },
    finish(code) {
      visit.answered();
      const durationMs = clock.now() - startedMs;
      const isServerFault = SERVER_FAULTS.has(code);
      endRpcSpan(span, status[code], isServerFault);
      rpcEnded?.(method, status[code], isServerFault, durationMs);
      log.info({ method, caller, status: status[code], durationMs: Math.round(durationMs), ...traceOf(span) }, "rpc");
    },
    fail(error) {
      // Nobody expected it. A GatewayError was, and holds the caller's devices: no log may have those.
      if (!(error instanceof GatewayError)) log.error({ method, err: error }, "internal error");
      return wireErrorOf(error);
    },
  };
}

/** The grpc-js handler of a unary method. */
export function unary<Request, Response>(
  method: string,
  options: HandlerOptions,
  handle: (request: Request, context: CallContext) => Response | Promise<Response>,
): handleUnaryCall<Request, Response> {
  return (call, callback) => {
    const visit = enter(method, call, options, callback);
    visit?.pass(() => {
      const { context, finish, fail } = openCall(method, call, visit, options);
      // Who has left while it waited for its turn is asked for nothing.
      if (visit.isOver) {
        return finish(options.clock.now() < context.answerByMs ? status.CANCELLED : status.DEADLINE_EXCEEDED);
      }
      const answer = async () => {
        checkDecoded(call.request);
        return handle(call.request, context);
      };
      answer().then(
        (response) =>
          visit.pass(() => {
            callback(null, response);
            finish(status.OK);
          }),
        (error: unknown) => {
          const wire = fail(error);
          visit.pass(() => {
            callback(wire);
            finish(wire.code);
          });
        },
      );
    });
  };
}
