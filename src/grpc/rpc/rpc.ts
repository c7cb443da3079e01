// An rpc that has been let in: what its handler may know of it, and how it ends, in its span, in one line of the log
// and in the metrics. One object for each rpc, for there are thousands a second.
import { type Metadata, status } from "@grpc/grpc-js";
import { propagation, ROOT_CONTEXT, type Span, type TextMapGetter } from "@opentelemetry/api";
import type { Clock } from "../../base/clock.js";
import type { Log } from "../../base/log.js";
import { GatewayError } from "../../gateway/errors.js";
import type { Identity, Stranger } from "../../identity/identity.js";
import { endRpcSpan, startRpcSpan, traceOf } from "../../observe/telemetry/instruments.js";
import type { Metrics } from "../../observe/telemetry/metrics.js";
import type { Authentication } from "../transport/caller.js";
import type { GuardedStream } from "../transport/guarded-stream.js";
import { type WireError, wireErrorOf } from "../wire/status.js";
import { answerByMs } from "./answer-by.js";
import type { AdmittedRpc, IncomingRpc, InFlightLimits } from "./in-flight.js";

/** What a handler knows about its call, beside the message. */
export interface RpcContext {
  /** Empty for a stranger. */
  readonly caller: string;
  /** There if it is one: nothing is to be done for it. */
  readonly stranger: Stranger | undefined;
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
  readonly inFlight: InFlightLimits;
  /** Undefined if nobody has to prove who they are. */
  readonly authentication?: Authentication | undefined;
  /** The stream of a call, by its metadata. */
  readonly streamOf?: ((metadata: Metadata) => GuardedStream | undefined) | undefined;
  /** Told of every rpc that has been answered. */
  readonly rpcEnded?: Metrics["rpcEnded"];
}

/** What unary and streaming calls have in common. */
export interface AnyRpc extends IncomingRpc {
  readonly metadata: Metadata;
  getDeadline(): number | Date;
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

export class Rpc implements RpcContext {
  readonly caller: string;
  readonly stranger: Stranger | undefined;
  readonly answerByMs: number;
  readonly span: Span;
  readonly #method: string;
  readonly #admitted: AdmittedRpc;
  readonly #startedMs: number;
  readonly #options: HandlerOptions;
  /** Why it was refused, if that is for the log. */
  #why: string | undefined;

  /** Of the method `pkg.Service/Method`, in its caller's trace. */
  constructor(
    method: string,
    call: AnyRpc,
    admitted: AdmittedRpc,
    identity: Identity,
    startedMs: number,
    options: HandlerOptions,
  ) {
    this.stranger = typeof identity === "string" ? undefined : identity;
    this.caller = admitted.caller;
    this.answerByMs = answerByMs(call.getDeadline(), options.defaultDeadlineMs, options.clock);
    const parent = propagation.extract(ROOT_CONTEXT, call.metadata, METADATA_GETTER);
    this.span = startRpcSpan(method, this.caller, parent);
    this.#method = method;
    this.#admitted = admitted;
    this.#startedMs = startedMs;
    this.#options = options;
    this.#why = this.stranger?.why;
  }

  onAbort(leave: () => void): void {
    this.#admitted.onLeave(leave);
  }

  /** To be called once, when it has been answered. */
  finish(code: status): void {
    const { clock, log, rpcEnded } = this.#options;
    this.#admitted.answered();
    if (code === status.UNAUTHENTICATED || code === status.PERMISSION_DENIED) this.#admitted.refused(status[code]);
    const durationMs = clock.now() - this.#startedMs;
    const isServerFault = SERVER_FAULTS.has(code);
    endRpcSpan(this.span, status[code], isServerFault);
    rpcEnded?.(this.#method, status[code], isServerFault, durationMs);
    const fields = {
      method: this.#method,
      caller: this.caller,
      status: status[code],
      durationMs: Math.round(durationMs),
      ...traceOf(this.span),
    };
    const why = this.#why;
    log.info(why === undefined ? fields : { ...fields, why, claimed: this.stranger?.claimed }, "rpc");
  }

  /** The same for a caller that left before anything was done for it. */
  leave(): void {
    this.finish(this.#options.clock.now() < this.answerByMs ? status.CANCELLED : status.DEADLINE_EXCEEDED);
  }

  /** What to answer instead, and what the operator has to know of it. */
  fail(error: unknown): WireError {
    if (!(error instanceof GatewayError)) {
      // Nobody expected it. A GatewayError was, and holds the caller's devices: no log may have those.
      this.#options.log.error({ method: this.#method, err: error }, "internal error");
    } else if (error.failure.kind === "forbidden") {
      this.#why = error.message;
    }
    return wireErrorOf(error);
  }
}
