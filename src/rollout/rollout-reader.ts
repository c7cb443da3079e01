// Reads a rollout without changing it: its batches, and how many tasks are in which state. Equal
// readings at the same time are one, its result is kept for two seconds, and each caller gets what
// is known by its own deadline.
import type { Clock } from "../base/clock.js";
import { GatewayError } from "../gateway/failures.js";
import type { BatchReading } from "./batch-record.js";
import type { JobCalls } from "./job-calls.js";
import type { JobCallOrigin } from "./job-line.js";
import { readFailureOf } from "./read-failure.js";
import type { RolloutScope } from "./rollout-list.js";
import { RolloutReading } from "./rollout-reading.js";

export interface RolloutQuestion extends RolloutScope {
  readonly iotInstanceId: string;
}

export interface RolloutAnswer {
  /** In the upstream's order, the latest first. */
  readonly batches: readonly BatchReading[];
  readonly etag: string;
  /** When the list of batches was read, by the wall clock. */
  readonly readWallMs: number;
}

export interface RolloutReaderOptions {
  readonly clock: Clock;
  readonly calls: Pick<JobCalls, "call">;
}

interface Shared {
  readonly reading: RolloutReading;
  readonly abort: AbortController;
  callers: number;
}

const KEPT_MS = 2000;

const TOO_LATE = "the batches could not be listed before the deadline; retry with a longer one";

export class RolloutReader {
  readonly #options: RolloutReaderOptions;
  readonly #shared = new Map<string, Shared>();

  constructor(options: RolloutReaderOptions) {
    this.#options = options;
  }

  /**
   * Resolves when everything was read, or at the monotonic `untilMs` with what is known. Rejects
   * with GatewayError if the batches could not be listed. `left` aborts when the caller leaves.
   */
  async read(
    question: RolloutQuestion,
    origin: Pick<JobCallOrigin, "caller" | "span">,
    untilMs: number,
    left: AbortSignal,
  ): Promise<RolloutAnswer> {
    const { clock } = this.#options;
    const { productKey, firmwareId, jobId, iotInstanceId } = question;
    const key = JSON.stringify([productKey, firmwareId, jobId, iotInstanceId]);
    const shared = this.#shared.get(key) ?? this.#begin(key, question, origin);
    shared.callers++;
    try {
      await over(shared.reading.done, clock, untilMs, left);
    } finally {
      if (--shared.callers === 0 && !shared.reading.isDone) this.#drop(key, shared);
    }
    return answerOf(shared.reading, question, (ms) => clock.wallNow() - clock.now() + ms);
  }

  #begin(key: string, question: RolloutQuestion, origin: Pick<JobCallOrigin, "caller" | "span">): Shared {
    const { clock, calls } = this.#options;
    const abort = new AbortController();
    const { productKey, firmwareId, iotInstanceId } = question;
    const of = { ...origin, productKey, firmwareId, iotInstanceId };
    const reading = new RolloutReading(question, (call) => calls.call(call, of, Infinity, abort.signal));
    const shared: Shared = { reading, abort, callers: 0 };
    this.#shared.set(key, shared);
    const keep = () => clock.at(clock.now() + KEPT_MS, () => this.#drop(key, shared));
    void reading.done.then(keep, () => this.#drop(key, shared)); // its callers report the error
    return shared;
  }

  /** Nobody waits for it any more, or it is too old. */
  #drop(key: string, shared: Shared): void {
    shared.abort.abort();
    if (this.#shared.get(key) === shared) this.#shared.delete(key);
  }
}

function answerOf(
  reading: RolloutReading,
  { jobId }: RolloutQuestion,
  wallMsOf: (ms: number) => number,
): RolloutAnswer {
  const { listed, failure } = reading;
  if (failure) throw new GatewayError(readFailureOf(failure));
  if (!listed) throw new GatewayError({ kind: "expired", message: TOO_LATE });
  const batches = reading.batches(wallMsOf);
  if (jobId !== "" && batches.length === 0) {
    const message = "this product's package has no such batch";
    throw new GatewayError({ kind: "rejected", rejection: "not-found", message });
  }
  return { batches, etag: reading.etag, readWallMs: wallMsOf(listed.sentMs) };
}

/**
 * Resolves when the work is done, when the time has come, or when the caller has left. Rejects if
 * the work does before.
 */
function over(work: Promise<void>, clock: Clock, untilMs: number, left: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const disarm = untilMs < Infinity ? clock.at(untilMs, () => end()) : () => {};
    const end = () => {
      disarm();
      left.removeEventListener("abort", end);
      resolve();
    };
    left.addEventListener("abort", end);
    if (left.aborted) end();
    else void work.then(end, reject).finally(end);
  });
}
