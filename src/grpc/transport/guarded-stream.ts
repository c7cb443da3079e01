// One stream that the gate has let in: it holds what of it is not a request yet, and is ended when that does not
// arrive in time or is too much, when it is too old, and when it has been answered and its client does not end it.
import type { ServerHttp2Stream } from "node:http2";
import { Metadata, type ServerInterceptingCallInterface, status } from "@grpc/grpc-js";
import type { Clock } from "../../base/clock.js";
import { GatewayError } from "../../gateway/errors.js";
import type { Identity, IdentityCheck } from "../../identity/identity.js";
import { type WireError, wireErrorOf } from "../wire/status.js";
import { MessageMeter } from "./message-meter.js";
import type { OpenStream } from "./open-streams.js";
import type { CountRefusal } from "./refusals.js";

/** What holds for the streams of a method. */
export interface StreamRules {
  /** The longest message. */
  readonly mostBytes: number;
  /** Whether messages may come for as long as the stream lasts; else one has to arrive, and the end after it. */
  readonly isStream: boolean;
  readonly mostAgeMs?: number;
}

export interface GuardedStreamOptions {
  readonly clock: Clock;
  readonly refused: CountRefusal;
  readonly identity: Identity | IdentityCheck;
  readonly identifyAgain: () => Identity | IdentityCheck;
}

/** For the largest request over a bad line. */
const ARRIVES_WITHIN_MS = 30_000;

const LATE = wireErrorOf(
  new GatewayError({ kind: "expired", message: `the request did not arrive within ${ARRIVES_WITHIN_MS / 1000} s` }),
);
const TOO_OLD = wireErrorOf(
  new GatewayError(
    { kind: "draining", message: "this stream has lasted long enough; open another" },
    { retryAfterMs: 0 },
  ),
);

export class GuardedStream {
  /** Of the gate, unique for all time. */
  id = 0;
  /** Who calls, as its headers said when it began. */
  readonly identity: Identity | IdentityCheck;
  /** The same by what holds now: tokens and certificates expire, and keys are withdrawn. */
  readonly identifyAgain: () => Identity | IdentityCheck;
  readonly #stream: ServerHttp2Stream;
  readonly #counted: OpenStream;
  readonly #rules: StreamRules;
  readonly #clock: Clock;
  readonly #refused: CountRefusal;
  readonly #meter: MessageMeter;
  readonly #openedMs: number;
  #call: ServerInterceptingCallInterface | undefined;
  #wasOver = false;

  constructor(
    stream: ServerHttp2Stream,
    counted: OpenStream,
    rules: StreamRules,
    { clock, refused, identity, identifyAgain }: GuardedStreamOptions,
  ) {
    this.#stream = stream;
    this.#counted = counted;
    this.#rules = rules;
    this.#clock = clock;
    this.#refused = refused;
    this.#meter = new MessageMeter(rules.mostBytes);
    this.#openedMs = clock.now();
    this.identity = identity;
    this.identifyAgain = identifyAgain;
  }

  /** grpc-js serves it as this call. */
  serve(call: ServerInterceptingCallInterface): void {
    this.#call = call;
  }

  /** It is known now who calls; undefined if the credentials do not hold. Ends it if that caller has too many. */
  prove(caller: string | undefined): void {
    try {
      this.#counted.prove(caller);
    } catch (error) {
      this.#end("too many: caller", wireErrorOf(error));
    }
  }

  /** Bytes of messages have come. */
  read(bytes: Buffer): void {
    if (this.#stream.writableEnded) return; // it has been answered: what comes is thrown away
    if (!this.#meter.read(bytes, this.#clock.now())) {
      this.#end("message too large", tooLarge(this.#rules.mostBytes));
      return;
    }
    try {
      this.#counted.hold(bytes.length);
    } catch (error) {
      this.#end("too many unfinished bytes", wireErrorOf(error));
    }
  }

  /** The handler has taken the next message. */
  taken(): void {
    this.#counted.letGo(this.#meter.take());
  }

  /** Counts an answer that the client has to take; undone by `sent`, or by the end. */
  answered(bytes = this.#stream.writableLength): number {
    this.#counted.holdAnswer(bytes);
    return bytes;
  }

  sent(bytes: number): void {
    this.#counted.letGo(bytes);
  }

  /** Why it was refused by its handler. */
  refused(reason: string): void {
    this.#refused(reason, this.#counted.address);
  }

  /** Ends it if it has to end. Called every second. */
  check(): void {
    const stream = this.#stream;
    if (stream.writableEnded) {
      // The client has had its answer and keeps the stream: it would be held, with all that belongs to it, for ever.
      if (this.#wasOver && stream.writableFinished && !stream.closed) stream.close();
      this.#wasOver = true;
      return;
    }
    const nowMs = this.#clock.now();
    const { isStream, mostAgeMs = Number.POSITIVE_INFINITY } = this.#rules;
    const waitingSinceMs = isStream ? this.#meter.begunMs : this.#openedMs;
    const isLate = waitingSinceMs !== undefined && nowMs - waitingSinceMs >= ARRIVES_WITHIN_MS;
    if (isLate && !stream.readableEnded) this.#end("request did not arrive", LATE);
    else if (nowMs - this.#openedMs >= mostAgeMs) this.#end("too old", TOO_OLD);
  }

  close(): void {
    this.#counted.close();
  }

  #end(reason: string, error: WireError): void {
    this.refused(reason);
    if (this.#call) this.#call.sendStatus(error);
    else this.#stream.close();
  }
}

/** As grpc-js says it, which clients know; to send the same again would be of no use. */
function tooLarge(mostBytes: number): WireError {
  const metadata = new Metadata();
  metadata.set("grpc-retry-pushback-ms", "-1");
  return { code: status.RESOURCE_EXHAUSTED, details: `the message is longer than ${mostBytes} bytes`, metadata };
}
