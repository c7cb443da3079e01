// One rpc, from the moment it is its caller's turn to its end, which goes into the span, one log
// line and the metrics. There are thousands a second, so each rpc is a single object.
import { status } from "@grpc/grpc-js";
import { propagation, ROOT_CONTEXT, type Span, type TextMapGetter } from "@opentelemetry/api";
import type { Clock } from "../../base/clock.js";
import type { Log } from "../../base/log.js";
import { GatewayError } from "../../gateway/failures.js";
import type { Identity, Stranger } from "../../identity/identity.js";
import type { Metrics } from "../../observe/telemetry/metrics.js";
import { endRpcSpan, startRpcSpan, traceOf } from "../../tracing/spans.js";
import { type Authentication, type RpcHead, UNAUTHENTICATED } from "../transport/caller.js";
import type { GuardedStream } from "../transport/guarded-stream.js";
import type { StreamHead } from "../transport/stream-head.js";
import type { LinkedCall } from "../transport/stream-of-call.js";
import { failureReason, type WireError, wireErrorOf } from "../wire/status.js";
import { turnedAway } from "./access.js";
import { answerByMs, monotonicDeadlineMs } from "./answer-by.js";
import type { CallerScheduler } from "./caller-scheduler.js";

/** The part of an rpc that its handler needs, beside the message. */
export type RpcContext = Pick<Rpc, "caller" | "stranger" | "answerByMs" | "span" | "onAbort" | "asked" | "told">;

/** The scope of a request, for the log: the first request of a stream stands for all. */
export interface RpcScope {
  readonly account: string;
  readonly productKey: string;
  readonly firmwareId: string;
  readonly jobId: string;
}

/** Shared by all rpcs. */
export interface RpcOptions {
  readonly clock: Clock;
  readonly log: Log;
  readonly defaultDeadlineMs: number;
  readonly callerScheduler: CallerScheduler;
  /** Undefined if callers need no credentials. */
  readonly authentication?: Authentication | undefined;
  /** Called for every rpc that has been answered. */
  readonly rpcEnded?: Metrics["rpcEnded"];
}

/** Unary and streaming calls of grpc-js have these in common. */
export interface GrpcCall extends LinkedCall {
  readonly cancelled: boolean;
  readonly metadata: RpcHead["metadata"];
  getDeadline(): number | Date;
  /** Emitted when the call is over, also after a normal end. */
  on(event: "cancelled", listener: () => void): unknown;
}

/** How an rpc arrived. */
export interface Arrival {
  readonly identity: Identity;
  /** Undefined where there is no gate. */
  readonly stream: GuardedStream | undefined;
  readonly startedMs: number;
}

/** Statuses that are the server's fault, by the semantic conventions for rpc spans. */
const SERVER_FAULTS: ReadonlySet<status> = new Set([
  status.UNKNOWN,
  status.DEADLINE_EXCEEDED,
  status.UNIMPLEMENTED,
  status.INTERNAL,
  status.UNAVAILABLE,
  status.DATA_LOSS,
]);

const HEADERS: TextMapGetter<StreamHead["headers"]> = {
  keys: (headers) => Object.keys(headers),
  get: (headers, name) => headers[name],
};

export class Rpc {
  /** UNAUTHENTICATED for a stranger. */
  readonly caller: string;
  /** Set if the caller is a stranger, which gets nothing but a refusal. */
  readonly stranger: Stranger | undefined;
  /** Monotonic time by which to answer. */
  readonly answerByMs: number;
  readonly span: Span;
  /** Undefined where there is no gate. */
  readonly stream: GuardedStream | undefined;
  readonly #method: string;
  readonly #startedMs: number;
  /** Monotonic time by which a retry has to be answered; Infinity without a deadline. */
  readonly #retriesByMs: number;
  readonly #options: RpcOptions;
  #state: "open" | "answered" | "left" = "open";
  #abort: (() => void) | undefined;
  /** Why it was refused, for the log. */
  #why: string | undefined;
  #reason: ReturnType<typeof failureReason> | undefined;
  #scope: RpcScope | undefined;
  #requests = 0;
  #devices = 0;
  #outcomes: Record<string, number> | undefined;

  /** `method`: `pkg.Service/Method`. The span joins the caller's trace. */
  constructor(method: string, call: GrpcCall, { identity, stream, startedMs }: Arrival, options: RpcOptions) {
    this.caller = identity.kind === "caller" ? identity.name : UNAUTHENTICATED;
    this.stranger = identity.kind === "stranger" ? identity : undefined;
    this.stream = stream;
    const { clock, defaultDeadlineMs } = options;
    const deadlineMs = stream?.deadlineMs ?? monotonicDeadlineMs(call.getDeadline(), clock);
    this.answerByMs = answerByMs(deadlineMs, defaultDeadlineMs, clock.now());
    this.#retriesByMs = deadlineMs === Infinity ? Infinity : this.answerByMs;
    const parent = stream ? propagation.extract(ROOT_CONTEXT, stream.head.headers, HEADERS) : ROOT_CONTEXT;
    stream?.head.keepCredentials();
    this.span = startRpcSpan(method, this.caller, parent);
    this.#method = method;
    this.#startedMs = startedMs;
    this.#options = options;
    this.#why = this.stranger?.why;
    if (call.cancelled) this.#state = "left";
    else call.on("cancelled", () => this.#leave());
  }

  /** Whether the caller has left before the answer. */
  get hasLeft(): boolean {
    return this.#state === "left";
  }

  /**
   * Calls `abort` if the caller leaves, or its deadline passes, before the answer: at once if it
   * has left.
   */
  onAbort(abort: () => void): void {
    if (this.hasLeft) abort();
    else this.#abort = abort;
  }

  /** Runs it at once, or in the caller's turn while the process is busy. */
  schedule(run: () => void): void {
    this.#options.callerScheduler.schedule(this.caller, run);
  }

  /** Throws, or rejects with, GatewayError if the credentials now fail, or name another caller. */
  checkCredentials(): void | Promise<void> {
    const found = this.stream?.identifyAgain();
    if (found?.kind === "pending") return found.verify().then((identity) => this.#checkSame(identity));
    if (found) this.#checkSame(found);
  }

  /** A valid request has been read; for the log. */
  asked({ account, productKey, firmwareId, jobId }: RpcScope, devices: number): void {
    this.#scope ??= { account, productKey, firmwareId, jobId };
    this.#requests += 1;
    this.#devices += devices;
  }

  /** Outcomes of devices are known; for the log. */
  told(outcomes: readonly { readonly kind: string }[]): void {
    this.#outcomes ??= {};
    for (const { kind } of outcomes) this.#outcomes[kind] = (this.#outcomes[kind] ?? 0) + 1;
  }

  /** To be called once, when the answer has been given. The gate may have given another before. */
  finish(answered: status): void {
    const { clock, log, rpcEnded } = this.#options;
    const code = this.stream?.endedAs ?? answered;
    const nowMs = clock.now();
    if (this.#state === "open") {
      this.#state = "answered";
      this.stream?.finish(nowMs);
    }
    if (code === status.UNAUTHENTICATED || code === status.PERMISSION_DENIED) this.stream?.refused(status[code]);
    const durationMs = nowMs - this.#startedMs;
    const isServerFault = SERVER_FAULTS.has(code);
    endRpcSpan(this.span, status[code], isServerFault);
    rpcEnded?.(this.#method, status[code], isServerFault, durationMs);
    const scope = this.#scope;
    const trace = traceOf(this.span);
    // One object, not a chain of spreads. The log leaves out what is undefined.
    log.info(
      {
        method: this.#method,
        caller: this.caller,
        status: status[code],
        reason: this.#reason?.reason,
        upstreamCode: this.#reason?.upstreamCode,
        durationMs: Math.round(durationMs),
        account: scope?.account,
        productKey: scope?.productKey,
        firmwareId: scope?.firmwareId,
        jobId: scope?.jobId,
        requests: scope && this.#requests,
        devices: scope && this.#devices,
        outcomes: this.#outcomes,
        traceId: trace.traceId,
        spanId: trace.spanId,
        why: this.#why,
        claimed: this.stranger?.claimed,
      },
      "rpc",
    );
  }

  /** The same for a caller that left before anything was done for it. */
  finishUnserved(): void {
    this.finish(this.#options.clock.now() < this.answerByMs ? status.CANCELLED : status.DEADLINE_EXCEEDED);
  }

  /** Logs what the operator has to know of the error, and returns what to answer. */
  fail(error: unknown): WireError {
    if (!(error instanceof GatewayError)) {
      // Unexpected, so the log needs all of it. A GatewayError is expected, and holds device names:
      // not for any log.
      this.#options.log.error({ method: this.#method, err: error }, "internal error");
    } else if (error.failure.kind === "forbidden") {
      this.#why = error.message;
    }
    this.#reason = failureReason(error);
    return wireErrorOf(error, this.#retriesByMs - this.#options.clock.now());
  }

  #leave(): void {
    if (this.#state !== "open") return;
    this.#state = "left";
    this.#abort?.();
  }

  #checkSame(identity: Identity): void {
    if (identity.kind === "stranger") throw turnedAway(identity);
    if (identity.name !== this.caller) throw turnedAway({ kind: "stranger", why: "no credentials" });
  }
}
