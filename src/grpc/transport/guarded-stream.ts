// One stream that the gate has let in. It counts what the stream holds, and ends it when a message
// is too long or does not arrive in time, when it is too old, and when it has been answered and its
// client does not end it.
import type { ServerHttp2Stream } from "node:http2";
import { type ServerInterceptingCallInterface, status } from "@grpc/grpc-js";
import type { Clock } from "../../base/clock.js";
import { GatewayError } from "../../gateway/failures.js";
import type { Identity, PendingIdentity } from "../../identity/identity.js";
import { finalError, type WireError, wireErrorOf } from "../wire/status.js";
import { type Authentication, identify } from "./caller.js";
import { ANSWERS_TAKEN_WITHIN_MS, type Connection } from "./connections.js";
import { MessageMeter } from "./message-meter.js";
import type { StreamRules } from "./method-rules.js";
import type { OpenStream } from "./open-streams.js";
import type { CountRefusal } from "./refusal-counts.js";
import type { StreamHead } from "./stream-head.js";

export interface GuardedStreamOptions {
  readonly clock: Clock;
  readonly refused: CountRefusal;
  /** Undefined if callers need no credentials. */
  readonly authentication?: Authentication | undefined;
}

/** A stream as it is when the gate lets it in. */
export interface Entrance {
  readonly head: StreamHead;
  readonly counted: OpenStream;
  readonly rules: StreamRules;
  readonly identity: Identity | PendingIdentity;
  /** Infinity if the client set none. */
  readonly timeoutMs: number;
}

/**
 * Handlers keep the deadline, and answer before it. A stream without an answer is ended this much
 * later: at the deadline itself, on a busy machine, that would overtake the last answers.
 */
const GRACE_MS = 2000;

/** Enough for the largest request over a bad line. */
const ARRIVES_WITHIN_MS = 30_000;

const LATE = wireErrorOf(
  new GatewayError({ kind: "expired", message: `the request did not arrive within ${ARRIVES_WITHIN_MS / 1000} s` }),
);
const TOO_OLD = wireErrorOf(
  new GatewayError({ kind: "draining", message: "this stream is too old; open another" }, { retryAfterMs: 0 }),
);
/** Its client would open another, which takes as long. */
const UPLOAD_TOO_LONG = wireErrorOf(
  new GatewayError({
    kind: "expired",
    message: "the list did not arrive within 10 minutes, and nothing was stored; submit it in several parts",
  }),
);
/** The status of grpc-js. */
const OVERDUE = finalError(status.DEADLINE_EXCEEDED, "Deadline exceeded");

export class GuardedStream {
  /** In the stream table. */
  place = 0;
  /** The caller by its headers, when the stream began. */
  readonly identity: Identity | PendingIdentity;
  /** Sent by the client before its messages. */
  readonly head: StreamHead;
  /** Monotonic; Infinity if the client set none. */
  readonly deadlineMs: number;
  /** The status with which the gate has ended it; undefined as long as that is its handler's. */
  endedAs: status | undefined;
  readonly #stream: ServerHttp2Stream;
  readonly #options: GuardedStreamOptions;
  readonly #connection: Connection;
  readonly #counted: OpenStream;
  readonly #rules: StreamRules;
  readonly #meter: MessageMeter;
  readonly #openedMs: number;
  #call: ServerInterceptingCallInterface | undefined;
  /** Since when the gateway has nothing more to say, as far as it has been checked. */
  #overSinceMs: number | undefined;
  #isClosed = false;
  /** Of the last answer; undefined until there is one. */
  #answerBytes: number | undefined;

  /** `options` are the same for all streams, so that each keeps one object less. */
  constructor(
    stream: ServerHttp2Stream,
    { head, counted, rules, identity, timeoutMs }: Entrance,
    options: GuardedStreamOptions,
  ) {
    this.identity = identity;
    this.#stream = stream;
    this.#options = options;
    this.head = head;
    this.#connection = head.connection;
    this.#counted = counted;
    this.#rules = rules;
    this.#meter = new MessageMeter(rules.mostBytes);
    this.#openedMs = options.clock.now();
    this.deadlineMs = this.#openedMs + timeoutMs;
  }

  /** The caller as of now: tokens and certificates expire, and keys are withdrawn. */
  identifyAgain(): Identity | PendingIdentity {
    return identify(this.head, this.#options.authentication);
  }

  /** grpc-js serves it as this call. */
  serve(call: ServerInterceptingCallInterface): void {
    this.#call = call;
  }

  /** The credentials have been checked. Ends the stream if that caller has too many. */
  prove(identity: Identity): void {
    try {
      this.#counted.prove(identity.kind === "caller" ? identity.name : undefined);
    } catch (error) {
      this.#end("too many: caller", wireErrorOf(error));
    }
  }

  /** Bytes of messages have arrived. */
  read(bytes: Buffer): void {
    if (this.#stream.writableEnded) return; // answered already: what still arrives is dropped
    if (!this.#meter.read(bytes, this.#options.clock)) {
      // The status of grpc-js, which clients know.
      const text = `message too large (limit ${this.#rules.mostBytes} bytes); send it in parts`;
      this.#end("message too large", finalError(status.RESOURCE_EXHAUSTED, text));
      return;
    }
    try {
      this.#counted.hold(bytes.length);
    } catch (error) {
      this.#end("too many unfinished bytes", wireErrorOf(error));
    }
  }

  /** One more message of a stream has arrived, from this caller. */
  asked(caller: string): void {
    this.#connection.asked(caller);
  }

  /** The handler has taken the next message. */
  taken(): void {
    this.#counted.letGo(this.#meter.take());
  }

  /** Counts an answer on a stream until `sent`, or until the stream closes. */
  holdAnswer(bytes: number): void {
    this.#counted.holdAnswer(bytes);
  }

  sent(bytes: number): void {
    this.#counted.letGo(bytes);
  }

  /** The last answer has been given. It counts for the connection until the stream closes. */
  finish(nowMs: number): void {
    if (this.#isClosed) return;
    this.#answerBytes = this.#stream.writableLength;
    this.#counted.holdAnswer(this.#answerBytes);
    this.#connection.answered(nowMs, this.#answerBytes);
  }

  /** The handler has refused it. */
  refused(reason: string): void {
    this.#options.refused(reason, this.#connection.address);
  }

  /** Ends the stream if its time is up. Called every second. */
  check(nowMs: number): void {
    const stream = this.#stream;
    if (stream.writableEnded) {
      // A client that has its answer and keeps the stream open would hold the stream and all its
      // objects forever. The status goes out last: it can wait for a client that is slow to read,
      // or for a busy processor, long after the stream counts as finished.
      this.#overSinceMs ??= nowMs;
      const overMs = nowMs - this.#overSinceMs;
      const isDone = overMs > 0 && hasSentStatus(stream);
      if ((isDone || overMs >= ANSWERS_TAKEN_WITHIN_MS) && !stream.closed) stream.close();
      return;
    }
    if (nowMs - this.deadlineMs >= GRACE_MS) {
      this.#answer(OVERDUE);
      return;
    }
    // The rest of a message may have come, and wait until the queue has room again.
    if (stream.isPaused()) this.#meter.notRead(nowMs);
    const rules = this.#rules;
    const waitingSinceMs = rules.isStream ? this.#meter.begunMs : this.#openedMs;
    const isLate = waitingSinceMs !== undefined && nowMs - waitingSinceMs >= ARRIVES_WITHIN_MS;
    if (isLate && !stream.readableEnded) this.#end("request did not arrive", LATE);
    else if (nowMs - this.#openedMs >= rules.mostAgeMs) {
      this.#end("too old", rules.kind === "submission" ? UPLOAD_TOO_LONG : TOO_OLD);
    }
  }

  /** The stream has closed. */
  close(): void {
    this.#isClosed = true;
    this.#counted.close();
    if (this.#answerBytes !== undefined) this.#connection.taken(this.#options.clock.now(), this.#answerBytes);
  }

  #end(reason: string, error: WireError): void {
    this.refused(reason);
    this.#answer(error);
  }

  #answer(error: WireError): void {
    this.endedAs = error.code;
    if (this.#call) this.#call.sendStatus(error);
    else this.#stream.close();
  }
}

/** The status is in the trailers, or in the headers of an answer without a message. */
function hasSentStatus({ writableFinished, sentHeaders, sentTrailers }: ServerHttp2Stream): boolean {
  return writableFinished && "grpc-status" in { ...sentHeaders, ...sentTrailers };
}
