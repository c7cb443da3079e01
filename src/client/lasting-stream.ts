// Keeps a stream to the gateway open: when it breaks, it is opened again, with growing delays.
// Requests on the broken stream are the owner's to repeat.
import type { ClientDuplexStream, ServiceError } from "@grpc/grpc-js";
import type { Clock } from "../base/clock.js";
import type { StreamCancelTasksByDeviceRequest, StreamCancelTasksByDeviceResponse } from "../gen/ota/v1/ota_service.js";
import { type Failure, failureOfRpc } from "./failure.js";
import { failureIn, type OtaError, thrownError } from "./ota-error.js";

export type CancelStream = ClientDuplexStream<StreamCancelTasksByDeviceRequest, StreamCancelTasksByDeviceResponse>;

export interface LastingStreamOptions {
  readonly clock: Clock;
  /** Opens a stream. A rejection is final: there is no token, or the client has been closed. */
  readonly open: () => Promise<CancelStream>;
  readonly opened: () => void;
  readonly heard: (response: StreamCancelTasksByDeviceResponse) => void;
  /** `isFinal` if opening it again makes no sense; `error` if it could not even be tried. */
  readonly broke: (failure: Failure, isFinal: boolean, error?: OtaError) => void;
  /** The gateway has answered everything, and knows that there is no more. */
  readonly ended: () => void;
}

/** The sequence of the message that withdraws; requests are numbered from 1. */
export const WITHDRAWAL = 0n;

/** Tries without an answer before giving up: half a minute or more. */
const MOST_TRIES = 10;

const FIRST_BACKOFF_MS = 200;
const LONGEST_BACKOFF_MS = 10_000;

/** The codes that servers and proxies give when a connection breaks or they end it. */
const PASSING_CODES: ReadonlySet<string> = new Set(["UNAVAILABLE", "CANCELLED", "INTERNAL", "UNKNOWN", "ABORTED"]);

const ENDED_EARLY = { code: 14, details: "the stream was ended before everything was answered" };

type State =
  | { readonly kind: "closed" }
  | { readonly kind: "opening" }
  | { readonly kind: "open"; readonly call: CancelStream; isEnding: boolean };

export class LastingStream {
  readonly #options: LastingStreamOptions;
  #state: State = { kind: "closed" };
  /** Breaks since the last answer. */
  #breaks = 0;
  #notBeforeMs = -Infinity;
  #disarm: (() => void) | undefined;

  constructor(options: LastingStreamOptions) {
    this.#options = options;
  }

  get isOpen(): boolean {
    return this.#state.kind === "open";
  }

  /** Opens the stream, as soon as that makes sense. */
  connect(): void {
    if (this.#state.kind !== "closed" || this.#disarm) return;
    const { clock } = this.#options;
    const open = () => {
      this.#disarm = undefined;
      void this.#open();
    };
    if (this.#notBeforeMs <= clock.now()) open();
    else this.#disarm = clock.at(this.#notBeforeMs, open);
  }

  /** Sends a message. The stream must be open. */
  ask(message: StreamCancelTasksByDeviceRequest): void {
    if (this.#state.kind === "open") this.#state.call.write(message);
  }

  /** Withdraws what was asked for, and says that there is nothing more to send. */
  withdraw(): void {
    if (this.#state.kind !== "open" || this.#state.isEnding) return;
    this.#state.call.write({ sequence: WITHDRAWAL, request: undefined, withdraw: true });
    this.end();
  }

  /** Says that there is nothing more to send. Returns true if the stream is closed already. */
  end(): boolean {
    if (this.#state.kind === "open" && !this.#state.isEnding) {
      this.#state.isEnding = true;
      this.#state.call.end();
    }
    return this.#state.kind === "closed";
  }

  /** Closes the stream without waiting for answers. */
  leave(): void {
    this.#disarm?.();
    const before = this.#state;
    this.#state = { kind: "closed" };
    if (before.kind === "open") before.call.cancel();
  }

  async #open(): Promise<void> {
    const opening: State = { kind: "opening" };
    this.#state = opening;
    let call: CancelStream;
    try {
      call = await this.#options.open();
    } catch (error) {
      if (this.#state !== opening) return;
      this.#state = { kind: "closed" };
      const thrown = thrownError(error);
      this.#options.broke(failureIn(thrown), true, thrown);
      return;
    }
    if (this.#state !== opening) {
      call.on("error", () => {}); // the error of a canceled call
      call.cancel();
      return;
    }
    const state: State = { kind: "open", call, isEnding: false };
    this.#state = state;
    const isCurrent = () => this.#state === state;
    call.on("data", (response: StreamCancelTasksByDeviceResponse) => {
      if (response.event?.$case === "answer") this.#breaks = 0;
      if (isCurrent()) this.#options.heard(response);
    });
    call.on("error", (error: ServiceError) => {
      if (isCurrent()) this.#over(state.isEnding, error);
    });
    call.on("end", () => {
      // An error event follows the end of what could be read.
      setImmediate(() => isCurrent() && this.#over(state.isEnding, ENDED_EARLY));
    });
    this.#options.opened();
  }

  /**
   * Handles the end of the stream. A stream that was ending has lost nothing: everything on it was
   * answered.
   */
  #over(wasEnding: boolean, error: Pick<ServiceError, "code" | "details">): void {
    this.#state = { kind: "closed" };
    if (wasEnding) this.#options.ended();
    else this.#broke(error);
  }

  #broke(error: Pick<ServiceError, "code" | "details">): void {
    this.#state = { kind: "closed" };
    const failure = failureOfRpc(error);
    const backoffMs = Math.min(FIRST_BACKOFF_MS * 2 ** this.#breaks, LONGEST_BACKOFF_MS);
    this.#breaks++;
    // Randomized, so that callers that lost the same gateway do not come back in step.
    const waitMs = Math.max(backoffMs * (0.5 + Math.random() / 2), failure.retryAfterMs ?? 0);
    this.#notBeforeMs = this.#options.clock.now() + waitMs;
    const isPassing = failure.retryAfterMs !== undefined || PASSING_CODES.has(failure.code);
    this.#options.broke(failure, !isPassing || this.#breaks >= MOST_TRIES);
  }
}
