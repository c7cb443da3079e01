// Counts events over the last minute, in buckets of a tenth of a second. Memory is bounded: older
// buckets are dropped. Times are monotonic.

const BUCKET_MS = 100;
const BUCKETS_PER_SECOND = 10;

/** Whole seconds that are kept, in addition to the current one. */
const SECONDS = 60;
const BUCKETS = (SECONDS + 1) * BUCKETS_PER_SECOND;

export class LastMinute {
  readonly #counts = new Int32Array(BUCKETS);
  /** The number of the newest bucket, counted from time zero. */
  #newest = 0;

  /**
   * Adds to the count at a time. A negative count takes back events that turn out not to have
   * happened.
   */
  add(timeMs: number, count: number): void {
    const bucket = bucketOf(timeMs);
    this.#advance(bucket);
    if (bucket > this.#newest - BUCKETS) this.#count(bucket, count);
  }

  /**
   * Counts for each of the last 60 whole seconds and the current one, oldest first. The boundaries
   * of seconds are the same in every reading.
   */
  perSecond(nowMs: number): number[] {
    this.#advance(bucketOf(nowMs));
    const begun = Math.floor(this.#newest / BUCKETS_PER_SECOND) * BUCKETS_PER_SECOND;
    return Array.from({ length: SECONDS + 1 }, (_, n) => this.#sum(begun - (SECONDS - n) * BUCKETS_PER_SECOND));
  }

  /** The count of the second that ends now. */
  lastSecond(nowMs: number): number {
    this.#advance(bucketOf(nowMs));
    return this.#sum(this.#newest - BUCKETS_PER_SECOND + 1);
  }

  /** The largest count of any second that begins with a bucket. */
  mostInASecond(nowMs: number): number {
    this.#advance(bucketOf(nowMs));
    let most = 0;
    for (let from = this.#newest - BUCKETS + 1; from <= this.#newest; from++) most = Math.max(most, this.#sum(from));
    return most;
  }

  total(nowMs: number): number {
    this.#advance(bucketOf(nowMs));
    return this.#counts.reduce((sum, count) => sum + count, 0);
  }

  /** The count of the second that begins with this bucket. Later buckets are empty. */
  #sum(from: number): number {
    let sum = 0;
    for (let bucket = from; bucket < from + BUCKETS_PER_SECOND; bucket++) {
      if (bucket > this.#newest - BUCKETS && bucket <= this.#newest) sum += this.#counts[indexOf(bucket)] ?? 0;
    }
    return sum;
  }

  #count(bucket: number, count: number): void {
    const index = indexOf(bucket);
    this.#counts[index] = (this.#counts[index] ?? 0) + count;
  }

  /** Makes room for all buckets up to this one. */
  #advance(bucket: number): void {
    const from = Math.max(this.#newest + 1, bucket - BUCKETS + 1);
    for (let fresh = from; fresh <= bucket; fresh++) this.#counts[indexOf(fresh)] = 0;
    this.#newest = Math.max(this.#newest, bucket);
  }
}

function bucketOf(timeMs: number): number {
  return Math.floor(timeMs / BUCKET_MS);
}

function indexOf(bucket: number): number {
  return ((bucket % BUCKETS) + BUCKETS) % BUCKETS;
}
