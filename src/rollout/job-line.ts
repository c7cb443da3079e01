// The calls of one operation on whole batches that wait for a token. Callers take turns, one call
// each. A call that fails in passing is made again until its time is over or its caller leaves,
// except a canceling call whose answer was lost: its caller decides by what it reads next.
import type { Span } from "@opentelemetry/api";
import { CallLoop, type SentWork } from "../gateway/call/call-loop.js";
import type { ReportOptions } from "../gateway/call/call-report.js";
import type { SentCall } from "../gateway/call-observer.js";
import type { Limiter, Wish } from "../gateway/limiter.js";
import type { JobCall, JobCallEnd, JobOperation, JobOperator } from "./job-operator.js";

/** Whose call it is. */
export interface JobCallOrigin {
  readonly caller: string;
  readonly productKey: string;
  readonly firmwareId: string;
  readonly iotInstanceId: string;
  readonly span?: Span | undefined;
}

export interface JobCallResult {
  /**
   * `withdrawn`: never sent, because its time was over, its caller had left, or the gateway closes.
   */
  readonly end: JobCallEnd | { readonly kind: "withdrawn"; readonly message: string };
  /**
   * When it was sent the last time. Monotonic, and by the wall clock; undefined if it never was.
   */
  readonly sentMs: number | undefined;
  readonly sentWallMs: number | undefined;
  readonly endedMs: number;
  readonly attempts: number;
}

export interface JobLineOptions extends ReportOptions {
  readonly operation: JobOperation;
  /** Shared with reading back, if the operation is. */
  readonly limiter: Limiter;
  readonly operator: JobOperator;
}

interface Waiting {
  readonly call: JobCall;
  readonly origin: JobCallOrigin;
  readonly arrivedMs: number;
  readonly untilMs: number;
  readonly resolve: (result: JobCallResult) => void;
  attempts: number;
  /** Attempts that failed in passing; throttled ones do not count. */
  failures: number;
  /** Why it is not to be sent any more; undefined while it is. */
  left: string | undefined;
  last: Omit<JobCallResult, "endedMs"> | undefined;
}

const CLOSING = "this gateway is shutting down";
const OUT_OF_TIME = "its time was over";
const CALLER_LEFT = "its caller has left";

/** The waits after each failure in passing; then the end stands. */
const BACKOFF_MS = [250, 1000, 2000, 4000];

/** Canceling calls go before reading ones of other replicas; reads wait like everybody's. */
const WISHES: Readonly<Record<JobOperation, Wish>> = {
  ListOTAJobByFirmware: { priority: "normal", newcomer: false },
  QueryOTAJob: { priority: "normal", newcomer: false },
  ListOTATaskByJob: { priority: "normal", newcomer: false },
  CancelOTAStrategyByJob: { priority: "urgent", newcomer: false },
  CancelOTATaskByJob: { priority: "urgent", newcomer: false },
};

export class JobLine {
  readonly #options: JobLineOptions;
  readonly #loop: CallLoop<Waiting, SentJobCall, JobCallEnd>;
  /** By caller; the next caller first. */
  readonly #waiting = new Map<string, Waiting[]>();
  #isClosed = false;

  constructor(options: JobLineOptions) {
    this.#options = options;
    const { operation, operator } = options;
    this.#loop = new CallLoop({
      ...options,
      wish: () => (this.#waiting.size > 0 ? WISHES[operation] : undefined),
      cut: () => this.#next(),
      putBack: (waiting) => (this.#isClosed ? this.#withdraw(waiting, CLOSING) : this.#add(waiting, "front")),
      begin: (waiting, sentMs, sentWallMs) => new SentJobCall(waiting, sentMs, sentWallMs),
      send: ({ call, origin }, sentMs) => operator.send(call, origin.iotInstanceId, sentMs),
      conclude: (sent, end) => this.#conclude(sent, end),
    });
    this.#loop.start();
  }

  /** Makes the call in its turn, by the monotonic `untilMs`. Never rejects. */
  call(call: JobCall, origin: JobCallOrigin, untilMs: number, signal?: AbortSignal): Promise<JobCallResult> {
    const { clock } = this.#options;
    return new Promise((settle) => {
      const disarm = untilMs < Infinity ? clock.at(untilMs, () => leave(OUT_OF_TIME)) : () => {};
      const abort = () => leave(CALLER_LEFT);
      const resolve = (result: JobCallResult) => {
        disarm();
        signal?.removeEventListener("abort", abort);
        settle(result);
      };
      const waiting: Waiting = {
        ...{ call, origin, arrivedMs: clock.now(), untilMs, resolve },
        ...{ attempts: 0, failures: 0, left: undefined, last: undefined },
      };
      const leave = (why: string) => {
        waiting.left = why; // seen to at the end of its call, if it is in one
        if (this.#remove(waiting)) this.#withdraw(waiting, why);
      };
      if (this.#isClosed) return this.#withdraw(waiting, CLOSING);
      if (signal?.aborted) return this.#withdraw(waiting, CALLER_LEFT);
      signal?.addEventListener("abort", abort);
      this.#add(waiting, "back");
      this.#loop.wake();
    });
  }

  /** Why nothing that waits can be sent; empty if nothing waits, or no reason is known. */
  get obstacle(): string {
    return this.#waiting.size === 0 ? "" : (this.#options.limiter.state().obstacle ?? "");
  }

  /** Withdraws what waits, and waits for the calls in flight. The limiter stays open. */
  async close(): Promise<void> {
    this.#isClosed = true;
    for (const ofCaller of [...this.#waiting.values()]) {
      for (const waiting of ofCaller) this.#withdraw(waiting, CLOSING);
    }
    this.#waiting.clear();
    await this.#loop.close();
  }

  #add(waiting: Waiting, where: "front" | "back"): void {
    const { caller } = waiting.origin;
    const ofCaller = this.#waiting.get(caller) ?? [];
    this.#waiting.set(caller, ofCaller);
    if (where === "front") ofCaller.unshift(waiting);
    else ofCaller.push(waiting);
  }

  #next(): Waiting | undefined {
    const [turn] = this.#waiting;
    if (!turn) return undefined;
    const [caller, ofCaller] = turn;
    const waiting = ofCaller.shift() as Waiting;
    this.#waiting.delete(caller);
    if (ofCaller.length > 0) this.#waiting.set(caller, ofCaller);
    if (this.#options.clock.now() < waiting.untilMs) return waiting;
    this.#withdraw(waiting, OUT_OF_TIME); // its timer is late, if the process was suspended
    return this.#next();
  }

  #remove(waiting: Waiting): boolean {
    const { caller } = waiting.origin;
    const ofCaller = this.#waiting.get(caller);
    const index = ofCaller?.indexOf(waiting) ?? -1;
    if (!ofCaller || index < 0) return false;
    ofCaller.splice(index, 1);
    if (ofCaller.length === 0) this.#waiting.delete(caller);
    if (this.#waiting.size === 0) this.#loop.wishAgain();
    return true;
  }

  /** A call that was sent before keeps the end that it had. */
  #withdraw({ last, resolve, attempts }: Waiting, why: string): void {
    const never = { sentMs: undefined, sentWallMs: undefined, attempts };
    const end = { kind: "withdrawn", message: `the call was not made: ${why}` } as const;
    resolve({ ...(last ?? { ...never, end }), endedMs: this.#options.clock.now() });
  }

  async #conclude({ waiting, sentMs, sentWallMs }: SentJobCall, end: JobCallEnd): Promise<void> {
    const { clock, operation } = this.#options;
    const isThrottled = end.kind === "refused" && end.refusal.reaction.kind === "throttled";
    const waitMs = isThrottled ? 0 : BACKOFF_MS[waiting.failures++];
    waiting.attempts++;
    waiting.last = { end, sentMs, sentWallMs, attempts: waiting.attempts };
    const endedMs = clock.now();
    const isLate = waitMs === undefined || endedMs + waitMs >= waiting.untilMs;
    if (!isPassing(end, operation) || isLate || waiting.left) return waiting.resolve({ ...waiting.last, endedMs });
    if (waitMs > 0) await this.#loop.sleep(waitMs);
    const why = this.#isClosed ? CLOSING : waiting.left;
    if (why) this.#withdraw(waiting, why);
    else this.#add(waiting, "front");
  }
}

/**
 * Whether the same call may end otherwise in a moment, and repeating it is for nobody to decide.
 */
function isPassing(end: JobCallEnd, operation: JobOperation): boolean {
  if (end.kind === "accepted") return false;
  if (end.kind === "unwritten") return !end.ours;
  if (end.kind === "lost") return !operation.startsWith("Cancel");
  const { reaction } = end.refusal;
  if (reaction.kind === "internal") return reaction.recovered;
  return reaction.kind === "throttled" || reaction.kind === "unavailable";
}

/** A call that was sent. */
class SentJobCall implements SentWork {
  readonly waiting: Waiting;
  readonly sentMs: number;
  readonly sentWallMs: number;
  readonly waiters: readonly { readonly span: Span | undefined }[];

  constructor(waiting: Waiting, sentMs: number, sentWallMs: number) {
    this.waiting = waiting;
    this.sentMs = sentMs;
    this.sentWallMs = sentWallMs;
    this.waiters = [{ span: waiting.origin.span }];
  }

  sentCall(sentMs: number, sentWallMs: number): SentCall {
    const { call, origin, arrivedMs, attempts } = this.waiting;
    return {
      ...{ sentMs, sentWallMs },
      productKey: origin.productKey,
      firmwareId: origin.firmwareId,
      jobId: "jobId" in call ? call.jobId : "",
      devices: 0,
      devicesByCaller: new Map([[origin.caller, 0]]),
      attempt: attempts + 1,
      tokenWaitMs: Math.round(sentMs - arrivedMs),
    };
  }
}
