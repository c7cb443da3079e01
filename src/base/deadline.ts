// Gives up on a promise at a deadline. The work behind it goes on: this is for work that cannot be
// aborted.
import type { Clock } from "./clock.js";

/** Rejection of a promise that did not settle in time. */
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
