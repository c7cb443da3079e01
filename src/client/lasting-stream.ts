// A stream to the gateway that is opened again when it breaks, later each time. What was asked on the one that
// broke is for its owner to ask again.
import type { ClientDuplexStream, ServiceError } from "@grpc/grpc-js";
import type { Clock } from "../base/clock.js";
import type { StreamCancelTasksByDeviceRequest, StreamCancelTasksByDeviceResponse } from "../gen/ota/v1/ota_service.js";
import { type Failure, failureOfRpc } from "./failure.js";
import { failureIn, type OtaError, thrownError } from "./ota-error.js";

export type CancelStream = ClientDuplexStream<StreamCancelTasksByDeviceRequest, StreamCancelTasksByDeviceResponse>;

export interface LastingStreamOptions {
  readonly clock: Clock;
  /** What it rejects with is final: there is no token, or the client has been closed. */
  readonly open: () => Promise<CancelStream>;
  readonly opened: () => void;
  readonly heard: (response: StreamCancelTasksByDeviceResponse) => void;
  /** `isFinal` if it makes no sense to open it again; `error` if it could not even be tried. */
  readonly broke: (failure: Failure, isFinal: boolean, error?: OtaError) => void;
  /** The gateway has answered everything, and has been told that there is no more. */
  readonly ended: () => void;
}

/** So often it is opened without an answer: for half a minute or more. */
const MOST_TRIES = 10;

const FIRST_BACKOFF_MS = 200;
const LONGEST_BACKOFF_MS = 10_000;

/** What servers and proxies say of a connection that broke, or that they ended. */
const PASSING_CODES: ReadonlySet<string> = new Set(["UNAVAILABLE", "CANCELLED", "INTERNAL", "UNKNOWN", "ABORTED"]);

const ENDED_EARLY = { code: 14, details: "the stream was ended before everything was answered" };

type State =
  | { readonly kind: "closed" }
  | { readonly kind: "opening" }
  | { readonly kind: "open"; readonly call: CancelStream; isEnding: boolean };

export class LastingStream {
  readonly #options: LastingStreamOptions;
  #state: State = { kind: "closed" };
  /** Since the last answer. */
  #breaks = 0;
  #notBeforeMs = -Infinity;
  #disarm: (() => void) | undefined;

  constructor(options: LastingStreamOptions) {
    this.#options = options;
  }

  get isOpen(): boolean {
    return this.#state.kind === "open";
  }

  /** Opens it, as soon as that makes sense. */
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

  /** To be called while it is open. */
  ask(message: StreamCancelTasksByDeviceRequest): void {
    if (this.#state.kind === "open") this.#state.call.write(message);
  }

  /** There is nothing more to ask. True if it is over already. */
  end(): boolean {
    if (this.#state.kind === "open" && !this.#state.isEnding) {
      this.#state.isEnding = true;
      this.#state.call.end();
    }
    return this.#state.kind === "closed";
  }

  /** Gives up what has not been answered. */
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
      call.on("error", () => {}); // of its end
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
      // An error comes after the end of what could be read.
      setImmediate(() => isCurrent() && this.#over(state.isEnding, ENDED_EARLY));
    });
    this.#options.opened();
  }

  /** An ending stream has nothing to lose: everything on it was answered. */
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
    // Callers that lost the same gateway do not come back in step.
    const waitMs = Math.max(backoffMs * (0.5 + Math.random() / 2), failure.retryAfterMs ?? 0);
    this.#notBeforeMs = this.#options.clock.now() + waitMs;
    const isPassing = failure.retryAfterMs !== undefined || PASSING_CODES.has(failure.code);
    this.#options.broke(failure, !isPassing || this.#breaks >= MOST_TRIES);
  }
}
