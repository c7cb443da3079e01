// Reads connections in turns, caller by caller, while they bring more than one turn of the event loop should take. Node
// reads all that has come before it looks at a timer again: ten thousand requests that come at once would hold up calls
// that are due, the upstream's answers and everybody else until the last of them has been read.

export interface ReadSchedulerOptions {
  /** Monotonic ms. */
  readonly now: () => number;
  /** Runs it when what has come meanwhile has been read. */
  readonly defer: (run: () => void) => void;
}

/** A connection, of which nothing is read between `hold` and `release`. */
export interface Held {
  hold(): void;
  release(): void;
}

/** What may be read before everything else has its turn. One read can still bring as much as one connection may ask. */
const TURN_MS = 5;

export class ReadScheduler {
  readonly #options: ReadSchedulerOptions;
  /** Of all that are open, for whom each has last asked; undefined if for nobody yet. */
  readonly #callers = new Map<Held, string | undefined>();
  /** Those that are held, by caller. Whose turn it is stands first. */
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

  /** The connection has brought a request. */
  asked(connection: Held, caller: string): void {
    if (!this.#isArmed) {
      this.#isArmed = true;
      this.#untilMs = this.#options.now() + TURN_MS;
      this.#options.defer(this.#nextTurn);
    }
    if (this.#callers.get(connection) !== caller) {
      if (!this.#callers.has(connection)) return; // it has gone
      const isHeld = this.#leave(connection); // what is asked may have come long before it is known for whom
      this.#callers.set(connection, caller);
      if (isHeld) this.#queue(connection);
    }
    if (this.#lines.size > 0) this.#hold(connection);
    else if (this.#options.now() >= this.#untilMs) for (const each of this.#callers.keys()) this.#hold(each);
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

  /** False if it is in its line already. */
  #queue(connection: Held): boolean {
    const caller = this.#callers.get(connection);
    const line = this.#lines.get(caller);
    if (line?.has(connection)) return false;
    if (line) line.add(connection);
    else this.#lines.set(caller, new Set([connection]));
    return true;
  }

  /** False if it was in none. */
  #leave(connection: Held): boolean {
    const caller = this.#callers.get(connection);
    const line = this.#lines.get(caller);
    if (!line?.delete(connection)) return false;
    if (line.size === 0) this.#lines.delete(caller);
    return true;
  }
}
