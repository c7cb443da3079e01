// Gives up waiting for a promise at a deadline, or when a signal aborts. The work behind it goes
// on: this is for work that cannot be aborted.
import type { Clock } from "./clock.js";

/** Rejection of a promise that did not settle in time. */
export class DeadlineExceeded extends Error {
  override readonly name = "DeadlineExceeded";
}

interface Limits {
  /** Message of the error. */
  readonly message?: string;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Settles as `promise` does. Rejects with `DeadlineExceeded` at the monotonic `timeMs`, which may
 * be Infinity, or with the signal's reason if it aborts first.
 */
export function withDeadline<T>(
  clock: Clock,
  timeMs: number,
  promise: Promise<T>,
  { message = "It took too long.", signal }: Limits = {},
): Promise<T> {
  return new Promise((resolve, reject) => {
    const late = () => reject(new DeadlineExceeded(message));
    const disarm = timeMs === Infinity ? () => {} : clock.at(timeMs, late);
    const abort = () => reject(signal?.reason);
    signal?.addEventListener("abort", abort, { once: true });
    if (signal?.aborted) abort();
    const over = () => {
      disarm();
      signal?.removeEventListener("abort", abort);
    };
    promise.finally(over).then(resolve, reject);
  });
}
