// A promise that is given up at a time. Nothing stops the work behind it: for what cannot be aborted.
import type { Clock } from "./clock.js";

/** What a promise that did not settle in time is rejected with. */
export class DeadlineExceeded extends Error {
  override readonly name = "OutOfTime";
}

/** Settles as `promise` does, or rejects with `DeadlineExceeded` at the monotonic `timeMs`. */
export function withDeadline<T>(clock: Clock, timeMs: number, promise: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const disarm = clock.at(timeMs, () => reject(new DeadlineExceeded("It took too long.")));
    promise.finally(disarm).then(resolve, reject);
  });
}
