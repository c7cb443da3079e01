// Time, passed as an argument. `now` is monotonic and serves all inner logic; `wallNow` is for the
// wire only. A timer set with `at` never fires early, as Node's own timers do by up to a
// millisecond.

/** A source of time and timers. */
export interface Clock {
  /** Monotonic milliseconds, with a fraction, from an arbitrary origin. */
  now(): number;
  /** Milliseconds since the Unix epoch. Steps when the machine's clock is set. */
  wallNow(): number;
  /**
   * Calls `run` once, not before the monotonic `timeMs`. Returns a function that clears the timer.
   */
  at(timeMs: number, run: () => void): () => void;
}

/** The longest delay that Node's timers take; for longer ones the timer is set again. */
const LONGEST_TIMEOUT_MS = 2 ** 31 - 1;

/** The machine's clocks. */
export const systemClock: Clock = {
  now: () => performance.now(),
  wallNow: () => Date.now(),
  at(timeMs, run) {
    let timer: NodeJS.Timeout;
    const arm = () => {
      const leftMs = timeMs - performance.now();
      timer = setTimeout(fire, Math.min(Math.max(Math.ceil(leftMs), 0), LONGEST_TIMEOUT_MS));
    };
    const fire = () => (performance.now() < timeMs ? arm() : run());
    arm();
    return () => clearTimeout(timer);
  },
};

/** Calls `run` every `periodMs`, until the returned function is called. */
export function every(clock: Clock, periodMs: number, run: () => void): () => void {
  let disarm = () => {};
  const arm = () => {
    disarm = clock.at(clock.now() + periodMs, () => {
      arm(); // first, so that `run` may end it
      run();
    });
  };
  arm();
  return () => disarm();
}

/**
 * Resolves at the monotonic `timeMs`, never before; rejects with the signal's reason if it aborts
 * first.
 */
export function sleepUntil(clock: Clock, timeMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const disarm = clock.at(timeMs, () => {
      signal?.removeEventListener("abort", abort);
      resolve();
    });
    const abort = () => {
      disarm();
      reject(signal?.reason);
    };
    signal?.addEventListener("abort", abort, { once: true });
  });
}
