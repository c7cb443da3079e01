// What every rpc passes on its way in, and its answer on its way out: a bound on what one caller may have in flight,
// and turns between callers when the process is busy. An rpc is in flight until its answer has been taken, so that
// who does not read its answers is let in no further.
import type { Metadata } from "@grpc/grpc-js";
import type { Clock } from "../../base/clock.js";
import { flatten } from "../../base/flat-string.js";
import type { Log } from "../../base/log.js";
import { GatewayError } from "../../gateway/errors.js";
import type { Connection } from "../transport/connections.js";
import { CallerScheduler } from "./caller-scheduler.js";
import { RefusalPacer } from "./refusal-pacer.js";

/** Of one caller: eight connections full of streams, two seconds of the usual quota in requests of one device. */
const MOST_OF_ONE_CALLER = 4096;

/** Of all callers: each takes about 20 KB. */
const MOST_IN_ALL = 16_384;

/** Twice what proxies usually let through; it is held for as long as its rpc. HTTP/2 itself stops near 100 KB. */
const MOST_METADATA_BYTES = 16_384;

/** Who has not proved who they are are one caller. */
export const UNAUTHENTICATED = "";

/** A refusal says to come back then: by that time a few thousand more have been answered. */
const RETRY_AFTER_MS = 1000;

/** The same for everybody: an error of its own for each, with its stack, is what a flood would fill the memory with. */
const TOO_MANY = {
  caller: tooMany("caller", `${MOST_OF_ONE_CALLER} requests of this caller`),
  gateway: tooMany("gateway", `${MOST_IN_ALL} requests of all callers`),
} as const;

/** One line of the log at the most, however many are refused. */
const TELL_EVERY_MS = 10_000;

/** An rpc, as far as the limits look at it. */
export interface IncomingRpc {
  readonly metadata: Metadata;
  readonly cancelled: boolean;
  getPeer(): string;
  /** Emitted once it is over, also after a normal end. */
  on(event: "cancelled", listener: () => void): unknown;
}

export interface InFlightOptions {
  readonly clock: Clock;
  readonly log: Log;
  /** By `address:port`. */
  readonly connectionOf: (peer: string) => Connection | undefined;
}

/** A caller that has something in flight. */
interface CallerInFlight {
  /** The same text for all its rpcs, where each had its own in its metadata. */
  readonly caller: string;
  inFlight: number;
}

export class InFlightLimits {
  readonly #options: InFlightOptions;
  readonly #callerScheduler: CallerScheduler;
  readonly #pace: RefusalPacer;
  readonly #callers = new Map<string, CallerInFlight>();
  #inAll = 0;
  #refused = 0;
  #toldMs = -Infinity;

  constructor(options: InFlightOptions) {
    this.#options = options;
    this.#callerScheduler = new CallerScheduler({ now: () => options.clock.now(), defer: setImmediate });
    this.#pace = new RefusalPacer(options.clock);
  }

  /** Lets an rpc in. Throws GatewayError if there are too many. */
  enter(caller: string, call: IncomingRpc): AdmittedRpc {
    const connection = this.#connectionOf(caller, call);
    const callerInFlight = this.#count(caller);
    const admitted = new AdmittedRpc(
      callerInFlight.caller,
      call,
      this.#callerScheduler,
      connection,
      this.#options.clock,
    );
    call.on("cancelled", () => {
      if (admitted.leave()) this.#leave(callerInFlight);
    });
    return admitted;
  }

  /**
   * Counts an rpc among those of strangers, until what it returns is called: when it is known who calls. Throws
   * GatewayError if there are too many.
   */
  enterUnverified(call: IncomingRpc): () => void {
    this.#connectionOf(UNAUTHENTICATED, call);
    const callerInFlight = this.#count(UNAUTHENTICATED);
    return () => this.#leave(callerInFlight);
  }

  /** Refuses an rpc, soon. `refuse` says whether there was anybody left to refuse. */
  pace(refuse: () => boolean): void {
    this.#pace.schedule(refuse);
  }

  /** Of an rpc that may come in; it is told that something was asked on it, whatever becomes of that. */
  #connectionOf(caller: string, call: IncomingRpc): Connection | undefined {
    const connection = this.#options.connectionOf(call.getPeer());
    connection?.asked(caller);
    checkMetadata(call.metadata);
    return connection;
  }

  #count(caller: string): CallerInFlight {
    const known = this.#callers.get(caller);
    if (known && known.inFlight >= MOST_OF_ONE_CALLER) throw this.#refusal(caller, "caller");
    if (this.#inAll >= MOST_IN_ALL) throw this.#refusal(caller, "gateway");
    const callerInFlight = known ?? { caller: flatten(caller), inFlight: 0 };
    if (!known) this.#callers.set(callerInFlight.caller, callerInFlight);
    callerInFlight.inFlight++;
    this.#inAll++;
    return callerInFlight;
  }

  #leave(callerInFlight: CallerInFlight): void {
    if (--callerInFlight.inFlight === 0) this.#callers.delete(callerInFlight.caller);
    this.#inAll--;
  }

  #refusal(caller: string, subject: keyof typeof TOO_MANY): GatewayError {
    const { clock, log } = this.#options;
    this.#refused++;
    if (clock.now() - this.#toldMs >= TELL_EVERY_MS) {
      this.#toldMs = clock.now();
      log.warn({ caller, subject, refused: this.#refused }, "too many requests in flight: some are refused");
      this.#refused = 0;
    }
    return TOO_MANY[subject];
  }
}

/** One rpc that was let in. */
export class AdmittedRpc {
  readonly caller: string;
  readonly #call: IncomingRpc;
  readonly #callerScheduler: CallerScheduler;
  readonly #connection: Connection | undefined;
  readonly #clock: Clock;
  #state: "open" | "answered" | "over" = "open";
  #abort: (() => void) | undefined;

  constructor(
    caller: string,
    call: IncomingRpc,
    callerScheduler: CallerScheduler,
    connection: Connection | undefined,
    clock: Clock,
  ) {
    this.caller = caller;
    this.#call = call;
    this.#callerScheduler = callerScheduler;
    this.#connection = connection;
    this.#clock = clock;
  }

  /** Whether nobody waits for an answer any more. */
  get isOver(): boolean {
    return this.#state === "over" || this.#call.cancelled;
  }

  /** One more message of a stream has arrived. */
  asked(): void {
    this.#connection?.asked(this.caller);
  }

  /** Runs it now, or in the caller's turn. */
  schedule(run: () => void): void {
    this.#callerScheduler.schedule(this.caller, run);
  }

  /** To be run if the caller goes before it has been answered. */
  onLeave(abort: () => void): void {
    this.#abort = abort;
  }

  /** The answer has been given. */
  answered(): void {
    if (this.#state !== "open") return;
    this.#state = "answered";
    this.#connection?.answered(this.#clock.now());
  }

  /** It is over: the answer has been taken, or the caller has gone. False if that was known. */
  leave(): boolean {
    if (this.#state === "over") return false;
    const wasAnswered = this.#state === "answered";
    this.#state = "over";
    if (wasAnswered) this.#connection?.taken(this.#clock.now());
    else this.#abort?.();
    return true;
  }
}

function checkMetadata(metadata: Metadata): void {
  let bytes = 0;
  const all = metadata.toJSON(); // which copies no value
  for (const key in all) for (const value of all[key] ?? []) bytes += key.length + value.length;
  if (bytes <= MOST_METADATA_BYTES) return;
  const violations = [{ field: "metadata", description: `has ${bytes} bytes, no more than ${MOST_METADATA_BYTES}` }];
  throw new GatewayError({ kind: "invalid", message: "the request can never work", violations });
}

function tooMany(subject: string, whose: string): GatewayError {
  const message = `${whose} are in flight, which is as many as may`;
  return new GatewayError({ kind: "overloaded", message, subject }, { retryAfterMs: RETRY_AFTER_MS });
}
