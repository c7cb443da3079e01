// Reads connections in turns, caller by caller, while they bring more than one turn of the event
// loop should take. Node reads everything that has arrived before it looks at a timer: ten thousand
// requests at once would delay calls that are due, the upstream's answers and all other callers
// until the last of them has been read.

export interface ReadSchedulerOptions {
  /** Monotonic ms. */
  readonly now: () => number;
  /** Runs it after everything that has arrived meanwhile has been read. */
  readonly defer: (run: () => void) => void;
}

/** A connection that is not read between `hold` and `release`. */
export interface Held {
  hold(): void;
  release(): void;
}

/** How long to read before other work has its turn. A single read may take longer. */
const TURN_MS = 5;

export class ReadScheduler {
  readonly #options: ReadSchedulerOptions;
  /** Open connections, and the caller of the last request of each; undefined before it. */
  readonly #callers = new Map<Held, string | undefined>();
  /** Held connections by caller. The next caller comes first. */
  readonly #lines = new Map<string | undefined, Set<Held>>();
  readonly #nextTurn = () => this.#turn();
  #isArmed = false;
  #untilMs = 0;

  constructor(options: ReadSchedulerOptions) {
    this.#options = options;
  }

  opened(connection: Held): void {
    this.#callers.set(connection, undefined);
  }

  closed(connection: Held): void {
    this.#leave(connection);
    this.#callers.delete(connection);
  }

  /** A request of this caller has arrived on the connection. */
  asked(connection: Held, caller: string): void {
    if (!this.#isArmed) {
      this.#isArmed = true;
      this.#untilMs = this.#options.now() + TURN_MS;
      this.#options.defer(this.#nextTurn);
    }
    if (this.#callers.get(connection) !== caller) {
      if (!this.#callers.has(connection)) return; // closed already
      const isHeld = this.#leave(connection); // it may have been held before its caller was known
      this.#callers.set(connection, caller);
      if (isHeld) this.#queue(connection);
    }
    if (this.#lines.size > 0) this.#hold(connection);
    if (this.#options.now() < this.#untilMs) return;
    // All, also while some are held already: those released in earlier turns may all bring
    // something in this one.
    this.#untilMs = Number.POSITIVE_INFINITY; // once a turn
    for (const each of this.#callers.keys()) this.#hold(each);
  }

  #turn(): void {
    const [next] = this.#lines;
    this.#isArmed = next !== undefined;
    if (!next) return;
    const [caller, line] = next;
    const [connection] = line;
    this.#lines.delete(caller);
    if (connection) line.delete(connection);
    if (line.size > 0) this.#lines.set(caller, line); // behind the others
    this.#untilMs = this.#options.now() + TURN_MS;
    this.#options.defer(this.#nextTurn);
    connection?.release();
  }

  #hold(connection: Held): void {
    if (this.#queue(connection)) connection.hold();
  }

  /** False if it is in the line of its caller already. */
  #queue(connection: Held): boolean {
    const caller = this.#callers.get(connection);
    const line = this.#lines.get(caller);
    if (line?.has(connection)) return false;
    if (line) line.add(connection);
    else this.#lines.set(caller, new Set([connection]));
    return true;
  }

  /** False if it was in no line. */
  #leave(connection: Held): boolean {
    const caller = this.#callers.get(connection);
    const line = this.#lines.get(caller);
    if (!line?.delete(connection)) return false;
    if (line.size === 0) this.#lines.delete(caller);
    return true;
  }
}
