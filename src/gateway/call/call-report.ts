// Reports one upstream call to the operator: its span, its log line, and the observers. Contains no
// device names.
import type { Context, Span } from "@opentelemetry/api";
import type { Clock } from "../../base/clock.js";
import type { Log } from "../../base/log.js";
import {
  type CallFacts,
  type CallResult,
  endCallSpan,
  startCallSpan,
  traceOf,
  type UpstreamOperation,
} from "../../tracing/spans.js";
import type { CallObserver, EndedCall, SentCall } from "../call-observer.js";
import type { CallEnd } from "../upstream.js";

export interface ReportOptions {
  /** The account's name in logs and spans. */
  readonly account: string;
  readonly clock: Clock;
  readonly log: Log;
  /** The upstream operation. */
  readonly operation: UpstreamOperation;
  /** Notified of each call. */
  readonly observers?: readonly CallObserver[];
}

export class CallReport {
  /** The tracing context of the call. */
  readonly context: Context;
  readonly #options: ReportOptions;
  readonly #facts: CallFacts;
  readonly #sent: SentCall;
  readonly #span: Span;
  readonly #callers: readonly Span[];

  /** Starts the report. To be created when the call is sent; `requests` are those in the call. */
  constructor(options: ReportOptions, sent: SentCall, requests: readonly { readonly span: Span | undefined }[]) {
    this.#options = options;
    this.#sent = sent;
    const { productKey, firmwareId, jobId, devices, devicesByCaller, attempt, tokenWaitMs } = this.#sent;
    const scope = { account: options.account, productKey, firmwareId, jobId };
    const inCall = { devices, callers: devicesByCaller.size, waiters: requests.length };
    this.#facts = { ...scope, ...inCall, attempt, tokenWaitMs };
    // The requests of one stream share a span.
    this.#callers = [...new Set(requests.flatMap(({ span }) => span ?? []))];
    const { span, context } = startCallSpan(options.operation, this.#facts, this.#callers);
    this.#span = span;
    this.context = context;
    for (const observer of options.observers ?? []) observer.sent(this.#sent);
  }

  /**
   * Reports the end of the call. `endedMs` was read before the token was settled; `hiddenMs` is how
   * much earlier than a second after it the token returns.
   */
  end(end: CallEnd, endedMs: number, hiddenMs = 0): void {
    const durationMs = endedMs - this.#sent.sentMs;
    const ended = { ...endedCallOf(end, endedMs, durationMs), ...(hiddenMs > 0 && { hiddenMs }) };
    for (const observer of this.#options.observers ?? []) observer.ended(this.#sent, ended);
    const { kind, requestId, code, cause } = ended;
    const result: CallResult = { kind, ...(requestId && { requestId }), ...(code && { code }) };
    endCallSpan(this.#span, result, this.#callers, this.#sent.sentWallMs);
    const how = { ...result, ...(cause && { cause }), durationMs: Math.round(durationMs), ...traceOf(this.#span) };
    const { log, operation } = this.#options;
    log[levelOf(ended)]({ operation, ...this.#facts, ...how }, "upstream call");
  }
}

/** The end of a call, as observers see it. */
export function endedCallOf(end: CallEnd, endedMs: number, durationMs: number): EndedCall {
  const { kind } = end;
  const how = { endedMs, durationMs, kind };
  switch (end.kind) {
    case "accepted":
      return { ...how, requestId: end.requestId, throttled: false, ours: false };
    case "refused": {
      const { code, reaction } = end.refusal;
      const why = { throttled: reaction.kind === "throttled", ours: reaction.kind === "internal" };
      return { ...how, requestId: end.requestId, code, ...why, reaction };
    }
    case "lost":
      return { ...how, throttled: false, ours: false, cause: end.message };
    case "unwritten":
      return { ...how, throttled: false, ours: end.ours, cause: end.message };
  }
}

/** Errors are for the operator to fix: failures that are the gateway's own fault. */
function levelOf({ kind, ours }: EndedCall): "info" | "warn" | "error" {
  if (kind === "accepted") return "info";
  return ours ? "error" : "warn";
}
