// The loop of one upstream operation: while work waits, take a token, cut a batch, send it,
// conclude. Each token is settled exactly once, and each batch is concluded or put back. The wait
// for a token is the batching window (ADR 3). A call in flight is never ended early, because its
// token would return early (ADR 4).
import { setMaxListeners } from "node:events";
import type { Span } from "@opentelemetry/api";
import { sleepUntil } from "../../base/clock.js";
import { inContext } from "../../tracing/spans.js";
import type { SentCall } from "../call-observer.js";
import type { Limiter, Token, Wish } from "../limiter.js";
import type { CallEnd } from "../upstream.js";
import { CallReport, type ReportOptions } from "./call-report.js";
import { tokenEnd } from "./consequence.js";

/** A batch that was sent, as far as the loop needs to know it. */
export interface SentWork {
  /** The requests in the call; its span links to theirs. */
  readonly waiters: readonly { readonly span: Span | undefined }[];
  sentCall(sentMs: number, sentWallMs: number): SentCall;
}

/** The end of a call whose client threw an error. */
type Lost = Extract<CallEnd, { kind: "lost" }>;

export interface CallLoopOptions<Batch, Sent extends SentWork, End extends CallEnd> extends ReportOptions {
  /** Used by this operation only. */
  readonly limiter: Limiter;
  /** The token to take; undefined while nothing waits. `newcomer` only if `cut` would find one. */
  readonly wish: () => Wish | undefined;
  /** Takes the next call's work from the queue; undefined if none fits this token. */
  readonly cut: (token: Token) => Batch | undefined;
  /** Returns a batch that was not sent to the queue. */
  readonly putBack: (batch: Batch) => void;
  /** Records that the batch is sent now. */
  readonly begin: (batch: Batch, sentMs: number, sentWallMs: number) => Sent;
  /**
   * Makes the call, whose time runs from `sentMs`: a process that is suspended in between must not
   * write it later. Should always resolve; if it throws, the call counts as lost.
   */
  readonly send: (batch: Batch, sentMs: number) => Promise<End>;
  /** Settles the devices of an ended call, or puts them back. Its token is already settled. */
  readonly conclude: (sent: Sent, end: End | Lost, durationMs: number) => Promise<void>;
}

/** The wait before the next take after the limiter failed. */
const TAKE_AGAIN_MS = 1000;

export class CallLoop<Batch, Sent extends SentWork, End extends CallEnd> {
  readonly #options: CallLoopOptions<Batch, Sent, End>;
  readonly #underWay = new Set<Promise<void>>();
  readonly #closing = new AbortController();
  #running: Promise<void> = Promise.resolve();
  #taking: { readonly wish: Wish; readonly abort: AbortController } | undefined;
  #wake: () => void = () => {};

  constructor(options: CallLoopOptions<Batch, Sent, End>) {
    this.#options = options;
    setMaxListeners(0, this.#closing.signal); // one listener for each call in `sleep`
  }

  start(): void {
    this.#running = this.#run();
  }

  /** The wish of the pending take; undefined if no take is pending. */
  get wish(): Wish | undefined {
    return this.#taking?.wish;
  }

  /** To be called when work arrives, or when waiting work may have become ready to send. */
  wake(): void {
    this.#wake();
  }

  /** Abandons the pending take, and takes again with the current wish. */
  wishAgain(): void {
    this.#taking?.abort.abort();
  }

  /** Waits for `waitMs`. Closing ends the wait. */
  async sleep(waitMs: number, signal: AbortSignal = this.#closing.signal): Promise<void> {
    const { clock } = this.#options;
    await sleepUntil(clock, clock.now() + waitMs, signal).catch(() => {});
  }

  /** Ends the loop and waits for the calls in flight. Unsent work stays in the queue. */
  async close(): Promise<void> {
    this.#closing.abort();
    this.wishAgain();
    this.#wake();
    await this.#running;
    await Promise.all(this.#underWay);
  }

  async #run(): Promise<void> {
    while (!this.#closing.signal.aborted) {
      const wish = this.#options.wish();
      if (!wish) {
        await this.#change();
        continue;
      }
      const token = await this.#take(wish);
      // After an unused token for newcomers, the rest of the work needs another token at once.
      // After any other unused token nothing can be sent, and taking again at once would be a busy
      // loop.
      if (token && !this.#use(token) && !token.newcomer) await this.#change();
    }
  }

  /** Takes a token. Undefined if the wish has changed, or if none is available. */
  async #take(wish: Wish): Promise<Token | undefined> {
    const { limiter, log, operation, account } = this.#options;
    const abort = new AbortController();
    this.#taking = { wish, abort };
    try {
      return await limiter.take(wish, abort.signal);
    } catch (error) {
      if (abort.signal.aborted) return undefined;
      log.error({ err: error, operation, account }, "could not take a token");
      await this.sleep(TAKE_AGAIN_MS, abort.signal);
      return undefined;
    } finally {
      this.#taking = undefined;
    }
  }

  /**
   * Sends a call with the token, or gives the token back. Returns false if there was nothing to
   * send.
   */
  #use(token: Token): boolean {
    const { clock, cut, putBack } = this.#options;
    const batch = this.#closing.signal.aborted ? undefined : cut(token);
    if (batch === undefined) {
      token.settle({ kind: "unwritten" });
      return false;
    }
    const sentMs = clock.now(); // not later than the limiter records it as sent
    if (token.send()) {
      const call = this.#call(batch, token, sentMs).finally(() => this.#underWay.delete(call));
      this.#underWay.add(call);
    } else {
      putBack(batch); // a token that is too old has settled itself
    }
    return true;
  }

  async #call(batch: Batch, token: Token, sentMs: number): Promise<void> {
    const { clock, begin, send, conclude } = this.#options;
    const sentWallMs = clock.wallNow();
    const sent = begin(batch, sentMs, sentWallMs);
    const sentCall = sent.sentCall(sentMs, sentWallMs);
    const report = new CallReport(this.#options, sentCall, sent.waiters);
    const end = await inContext(report.context, async () => send(batch, sentMs)).catch(
      (error): Lost => this.#lost(error),
    );
    const endedMs = clock.now();
    token.settle(tokenEnd(end, sentCall.devices));
    report.end(end, endedMs, token.hiddenMs);
    await conclude(sent, end, endedMs - sentMs);
    this.#wake();
  }

  /** The client broke its promise by throwing. The call may have been sent nevertheless. */
  #lost(error: unknown): Lost {
    const { log, operation, account } = this.#options;
    log.error({ err: error, operation, account }, "the upstream client threw an error");
    return { kind: "lost", message: "internal error during the call" };
  }

  /** Resolves at the next `wake`, or when the loop closes. */
  #change(): Promise<void> {
    return new Promise((resolve) => {
      if (this.#closing.signal.aborted) resolve();
      this.#wake = resolve;
    });
  }
}
