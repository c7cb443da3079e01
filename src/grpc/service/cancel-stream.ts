// One StreamCancelTasksByDevice: many requests on one rpc, each answered once, in the order of
// completion. Its memory is bounded: reading stops while too many of its devices wait, while the
// gateway's queue is full, and while the client does not read its answers.
import { type ServerDuplexStream, status } from "@grpc/grpc-js";
import { type Clock, sleepUntil } from "../../base/clock.js";
import { GatewayError, invalid } from "../../gateway/failures.js";
import type {
  CancelTasksByDeviceRequest,
  CancelTasksByDeviceResponse,
  StreamCancelTasksByDeviceRequest,
  StreamCancelTasksByDeviceResponse,
} from "../../gen/ota/v1/ota_service.js";
import type { AuditEntry } from "../../observe/audit/auditor.js";
import type { Rpc } from "../rpc/rpc.js";
import { checkDecoded } from "../wire/decoding.js";
import { statusOf, type WireError } from "../wire/status.js";
import { StreamProgress } from "./progress.js";

export type DuplexCall = ServerDuplexStream<StreamCancelTasksByDeviceRequest, StreamCancelTasksByDeviceResponse>;

/** A request that was accepted. */
export interface StreamedRequest {
  readonly response: Promise<CancelTasksByDeviceResponse>;
  /** The outcome of each device, after `response` has failed. */
  failedResponse?(): Promise<CancelTasksByDeviceResponse>;
  /** Why nothing is being done for it at the moment; empty if nothing is in the way. */
  obstacle?(): string;
  abort(): void;
  /** Unsent devices leave the queue; `response` settles when the rest is known. */
  withdraw(): void;
}

export interface StreamOptions {
  readonly clock: Clock;
  /** A request has been read. */
  readonly begin: (request: CancelTasksByDeviceRequest, sequence: bigint) => AuditEntry | undefined;
  /** Accepts a request, or throws. */
  readonly ask: (request: CancelTasksByDeviceRequest, entry?: AuditEntry) => StreamedRequest;
  /** How long the waiting devices are expected to take. */
  readonly remainingMs: () => number;
  /** The error to end with while the gateway drains. */
  readonly draining: () => GatewayError;
}

/** The memory of an answer for each device, until the client has read it. */
const RESULT_BYTES = 128;

/**
 * Reading stops while more devices than this wait: ten seconds' worth at the full rate. A client
 * that stays within it can withdraw what it asked for.
 */
const WINDOW_DEVICES = 20_000;

const LEFT = new GatewayError({ kind: "aborted", message: "the caller left while the queue was full" });

export class RequestStream {
  readonly #call: DuplexCall;
  readonly #rpc: Rpc;
  readonly #options: StreamOptions;
  readonly #closing = new AbortController();
  /** Aborted when it closes or drains: from then on nothing waits for room in the queue. */
  readonly #stopping = new AbortController();
  readonly #pending = new Map<bigint, StreamedRequest>();
  readonly #progress: StreamProgress;
  #reading = false;
  #ended = false;

  constructor(call: DuplexCall, rpc: Rpc, options: StreamOptions) {
    this.#call = call;
    this.#rpc = rpc;
    this.#options = options;
    const { clock, remainingMs } = options;
    this.#progress = new StreamProgress({
      clock,
      remainingMs,
      obstacle: () => {
        const [oldest] = this.#pending.values();
        return oldest?.obstacle?.() ?? "";
      },
      isUnread: () => call.writableNeedDrain,
      report: (progress) => this.#write({ $case: "progress", progress }),
    });
  }

  get caller(): string {
    return this.#rpc.caller;
  }

  /** Whether the client has sent all its requests. */
  get isReadToEnd(): boolean {
    return this.#ended;
  }

  /** Resolves when the stream has ended, either way. */
  serve(): Promise<void> {
    const call = this.#call;
    call.on("data", (message: StreamCancelTasksByDeviceRequest) => {
      try {
        checkDecoded(message);
      } catch (error) {
        this.#fail(this.#rpc.fail(error)); // there is no sequence to answer to
        return;
      }
      this.#reading = true;
      this.#call.pause();
      this.#rpc.stream?.asked(this.#rpc.caller);
      this.#rpc.schedule(() => void this.#read(message));
    });
    call.on("drain", () => this.#next());
    call.on("end", () => {
      this.#ended = true;
      this.#next();
    });
    return new Promise((resolve) => {
      this.#closing.signal.addEventListener("abort", () => resolve());
      const { answerByMs } = this.#rpc;
      // A client gives up at its deadline, which is a moment earlier on its clock.
      const isLate = () => this.#options.clock.now() >= answerByMs;
      this.#rpc.onAbort(() => this.#close(isLate() ? status.DEADLINE_EXCEEDED : status.CANCELLED));
    });
  }

  /** Reads nothing more; ends when what was read has been answered. */
  drain(): void {
    this.#stopping.abort();
    this.#call.pause();
    this.#next();
  }

  /** One message; no other is read meanwhile. */
  async #read({ sequence, request, withdraw }: StreamCancelTasksByDeviceRequest): Promise<void> {
    if (this.#closing.signal.aborted) return;
    const entry = request && this.#options.begin(request, sequence);
    if (!(await this.#isAuthorized(entry))) return;
    try {
      if (withdraw && request) throw invalid("withdraw", "must be sent without a request");
      if (withdraw) for (const asked of this.#pending.values()) asked.withdraw();
      else await this.#take(sequence, request, entry);
    } catch (error) {
      entry?.refused(error);
      this.#rpc.fail(error); // for the log only
      this.#answer(sequence, { $case: "error", error: statusOf(error) });
    }
    this.#rpc.stream?.taken();
    this.#reading = false;
    this.#next();
  }

  async #take(
    sequence: bigint,
    request: CancelTasksByDeviceRequest | undefined,
    entry: AuditEntry | undefined,
  ): Promise<void> {
    if (this.#pending.has(sequence)) throw invalid("sequence", "repeats that of a request that is still waiting");
    if (!request) throw invalid("request", "is required");
    const asked = await this.#ask(request, entry);
    if (asked) this.#await(sequence, asked, request.deviceNames.length);
    else entry?.refused(LEFT);
  }

  /** Ends the stream if the credentials do not hold any more, or are another caller's now. */
  async #isAuthorized(entry: AuditEntry | undefined): Promise<boolean> {
    try {
      const checked = this.#rpc.checkCredentials();
      if (checked) await checked;
    } catch (error) {
      entry?.refused(error);
      if (!this.#closing.signal.aborted) this.#fail(this.#rpc.fail(error));
      return false;
    }
    if (!this.#closing.signal.aborted) return true;
    entry?.refused(LEFT);
    return false;
  }

  /** Waits for room in the queue. Undefined if the stream ended meanwhile. */
  async #ask(request: CancelTasksByDeviceRequest, entry?: AuditEntry): Promise<StreamedRequest | undefined> {
    const { clock, ask } = this.#options;
    const { answerByMs } = this.#rpc;
    for (;;) {
      try {
        return ask(request, entry);
      } catch (error) {
        if (!(error instanceof GatewayError) || error.failure.kind !== "overloaded") throw error;
        if (this.#stopping.signal.aborted || clock.now() >= answerByMs) throw error;
        const againMs = Math.min(clock.now() + (error.retryAfterMs ?? 0), answerByMs);
        await sleepUntil(clock, againMs, this.#stopping.signal).catch(() => {});
        if (this.#closing.signal.aborted) return undefined;
      }
    }
  }

  #await(sequence: bigint, asked: StreamedRequest, devices: number): void {
    this.#pending.set(sequence, asked);
    this.#progress.taken(devices);
    const settle = (result: Answer["result"], failedResponse?: CancelTasksByDeviceResponse) => {
      this.#pending.delete(sequence);
      this.#progress.settled(devices);
      this.#answer(sequence, result, failedResponse);
      this.#next();
    };
    asked.response.then(
      (response) => settle({ $case: "response", response }),
      async (error: unknown) => {
        this.#rpc.fail(error);
        settle({ $case: "error", error: statusOf(error) }, await asked.failedResponse?.());
      },
    );
  }

  #answer(sequence: bigint, result: Answer["result"], failedResponse?: CancelTasksByDeviceResponse): void {
    const response = result?.$case === "response" ? result.response : failedResponse;
    const bytes = (1 + (response?.results.length ?? 0)) * RESULT_BYTES;
    const { stream } = this.#rpc;
    stream?.holdAnswer(bytes);
    const answer = { sequence, result, failedResponse };
    this.#write({ $case: "answer", answer }, () => stream?.sent(bytes));
  }

  /** Reads on if there is room, ends if all is done, and reports progress otherwise. */
  #next(): void {
    if (this.#closing.signal.aborted) return;
    const isDone = this.#pending.size === 0 && !this.#reading;
    const isDraining = this.#stopping.signal.aborted;
    if (isDone && (this.#ended || isDraining)) {
      if (this.#ended) this.#close(status.OK);
      else this.#fail(this.#rpc.fail(this.#options.draining()));
      return;
    }
    const mayRead = this.#progress.waitingDevices <= WINDOW_DEVICES && !this.#call.writableNeedDrain;
    if (mayRead && !this.#reading && !isDraining) this.#call.resume();
    this.#progress.reportInTime();
  }

  #write(event: NonNullable<StreamCancelTasksByDeviceResponse["event"]>, sent = () => {}): void {
    if (!this.#closing.signal.aborted) this.#call.write({ event }, sent);
  }

  /** Ends with an error; requests that still wait are aborted. */
  #fail(error: WireError): void {
    if (!this.#closing.signal.aborted) this.#call.emit("error", error);
    this.#close(error.code);
  }

  #close(code: status): void {
    if (this.#closing.signal.aborted) return;
    this.#closing.abort();
    this.#stopping.abort();
    this.#progress.close();
    for (const { abort } of this.#pending.values()) abort();
    if (code === status.OK) this.#call.end();
    this.#rpc.finish(code);
  }
}

type Answer = Extract<NonNullable<StreamCancelTasksByDeviceResponse["event"]>, { $case: "answer" }>["answer"];
