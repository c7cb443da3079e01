// Lets rpcs, and their answers, through at once while the process keeps up, and callers in turns when it does not:
// so that who asks most waits, and the others do not. It costs nobody anything while there is nothing to wait for.

export interface CallerSchedulerOptions {
  /** Monotonic ms. */
  readonly now: () => number;
  /** Runs it when what has arrived meanwhile has been read. */
  readonly defer: (run: () => void) => void;
}

/** What may be done between two looks at the network; then whoever has come meanwhile has its turn as well. */
const TURN_MS = 5;

/** One thing that waits, and what the same caller has to run after it. */
interface Waiting {
  readonly run: () => void;
  following: Waiting | undefined;
}

/** One caller's, oldest first. */
interface Line {
  first: Waiting;
  last: Waiting;
}

export class CallerScheduler {
  /** Whose turn it is stands first. */
  readonly #lines = new Map<string, Line>();
  readonly #options: CallerSchedulerOptions;
  readonly #nextTurn = () => this.#takeTurns();
  #isArmed = false;
  #untilMs = 0;

  constructor(options: CallerSchedulerOptions) {
    this.#options = options;
  }

  /** Runs it now, or when it is this caller's turn. What one caller has to run keeps its order. */
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
        line.first.following = undefined; // or what is over would keep all that came after it, once it is old itself
        this.#lines.delete(caller);
        if (following) {
          line.first = following;
          this.#lines.set(caller, line); // behind the others; the loop comes by again
        }
        run();
        if (this.#options.now() >= this.#untilMs) break;
      }
    } finally {
      // Also if one throws: nobody else is to wait for ever.
      if (this.#lines.size > 0) this.#options.defer(this.#nextTurn);
      else this.#isArmed = false;
    }
  }
}
