// Runs rpcs and their answers at once while the process keeps up, and caller by caller while it
// does not. Then the caller with the most requests waits, and the others do not. Costs next to
// nothing while the process keeps up.

export interface CallerSchedulerOptions {
  /** Monotonic ms. */
  readonly now: () => number;
  /** Runs it after everything that has arrived meanwhile has been read. */
  readonly defer: (run: () => void) => void;
}

/** How long to work before the network is read again, which gives new arrivals their turn. */
const TURN_MS = 5;

/** Work that waits, and the next of the same caller. */
interface Waiting {
  readonly run: () => void;
  following: Waiting | undefined;
}

/** The work of one caller, oldest first. */
interface Line {
  first: Waiting;
  last: Waiting;
}

export class CallerScheduler {
  /** The next caller comes first. */
  readonly #lines = new Map<string, Line>();
  readonly #options: CallerSchedulerOptions;
  readonly #nextTurn = () => this.#takeTurns();
  #isArmed = false;
  #untilMs = 0;

  constructor(options: CallerSchedulerOptions) {
    this.#options = options;
  }

  /** Runs it at once, or in this caller's turn. The work of one caller keeps its order. */
  schedule(caller: string, run: () => void): void {
    if (!this.#isArmed) {
      this.#isArmed = true;
      this.#untilMs = this.#options.now() + TURN_MS;
      this.#options.defer(this.#nextTurn);
    } else if (this.#lines.size > 0 || this.#options.now() >= this.#untilMs) {
      this.#queue(caller, { run, following: undefined });
      return;
    }
    run();
  }

  #queue(caller: string, waiting: Waiting): void {
    const line = this.#lines.get(caller);
    if (!line) {
      this.#lines.set(caller, { first: waiting, last: waiting });
      return;
    }
    line.last.following = waiting;
    line.last = waiting;
  }

  #takeTurns(): void {
    this.#untilMs = this.#options.now() + TURN_MS;
    try {
      for (const [caller, line] of this.#lines) {
        const { run, following } = line.first;
        line.first.following = undefined; // or V8, once this is in the old space, would keep all that follows alive
        this.#lines.delete(caller);
        if (following) {
          line.first = following;
          this.#lines.set(caller, line); // behind the others; the loop comes back to it
        }
        run();
        if (this.#options.now() >= this.#untilMs) break;
      }
    } finally {
      // In `finally`, because the others must not wait forever if one throws.
      if (this.#lines.size > 0) this.#options.defer(this.#nextTurn);
      else this.#isArmed = false;
    }
  }
}
