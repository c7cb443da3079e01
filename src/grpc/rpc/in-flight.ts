// What every rpc passes on its way in, and its answer on its way out: turns between callers when the process is busy.
// Its connection knows of an answer until it has been taken, so that a client that does not read is found out.
import type { Clock } from "../../base/clock.js";
import { flatten } from "../../base/flat-string.js";
import type { Connection } from "../transport/connections.js";
import type { GuardedStream } from "../transport/guarded-stream.js";
import { CallerScheduler } from "./caller-scheduler.js";

/** Who has not proved who they are are one caller. */
export const UNAUTHENTICATED = "";

/** An rpc, as far as the limits look at it. */
export interface IncomingRpc {
  readonly cancelled: boolean;
  getPeer(): string;
  /** Emitted once it is over, also after a normal end. */
  on(event: "cancelled", listener: () => void): unknown;
}

export interface InFlightOptions {
  readonly clock: Clock;
  /** By `address:port`. */
  readonly connectionOf: (peer: string) => Connection | undefined;
}

export class InFlightLimits {
  readonly #options: InFlightOptions;
  readonly #callerScheduler: CallerScheduler;

  constructor(options: InFlightOptions) {
    this.#options = options;
    this.#callerScheduler = new CallerScheduler({ now: () => options.clock.now(), defer: setImmediate });
  }

  /** Lets an rpc in. `stream` is missing where no gate is. */
  enter(caller: string, call: IncomingRpc, stream?: GuardedStream): AdmittedRpc {
    const connection = this.#options.connectionOf(call.getPeer());
    const admitted = new AdmittedRpc(
      flatten(caller),
      call,
      stream,
      this.#callerScheduler,
      connection,
      this.#options.clock,
    );
    call.on("cancelled", () => admitted.leave());
    return admitted;
  }
}

/** One rpc that was let in. */
export class AdmittedRpc {
  readonly caller: string;
  readonly #call: IncomingRpc;
  readonly #stream: GuardedStream | undefined;
  readonly #callerScheduler: CallerScheduler;
  readonly #connection: Connection | undefined;
  readonly #clock: Clock;
  #state: "open" | "answered" | "over" = "open";
  #abort: (() => void) | undefined;
  #answerBytes = 0;

  constructor(
    caller: string,
    call: IncomingRpc,
    stream: GuardedStream | undefined,
    callerScheduler: CallerScheduler,
    connection: Connection | undefined,
    clock: Clock,
  ) {
    this.caller = caller;
    this.#call = call;
    this.#stream = stream;
    this.#callerScheduler = callerScheduler;
    this.#connection = connection;
    this.#clock = clock;
  }

  /** Whether nobody waits for an answer any more. */
  get isOver(): boolean {
    return this.#state === "over" || this.#call.cancelled;
  }

  get stream(): GuardedStream | undefined {
    return this.#stream;
  }

  /** Its message is a request now, and no longer something that has arrived. */
  taken(): void {
    this.#stream?.taken();
  }

  /** For the operator to see, with its address. */
  refused(reason: string): void {
    this.#stream?.refused(reason);
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
    this.#answerBytes = this.#stream?.answered() ?? 0;
    this.#connection?.answered(this.#clock.now(), this.#answerBytes);
  }

  /** It is over: the answer has been taken, or the caller has gone. False if that was known. */
  leave(): boolean {
    if (this.#state === "over") return false;
    const wasAnswered = this.#state === "answered";
    this.#state = "over";
    if (wasAnswered) this.#connection?.taken(this.#clock.now(), this.#answerBytes);
    else this.#abort?.();
    return true;
  }
}
