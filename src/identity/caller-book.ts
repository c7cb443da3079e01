// Which callers there are and what each may do, as the file says now. It changes as a whole, so that nobody is
// ever judged by half of a new file; whoever asks, asks again for each request.
import { type Rights, UNLIMITED } from "./rights.js";

/** The rights of all callers that have no entry of their own. */
export const OTHERS = "*";

export class CallerBook {
  #callers: ReadonlyMap<string, Rights>;

  constructor(callers: ReadonlyMap<string, Rights>) {
    this.#callers = callers;
  }

  replace(callers: ReadonlyMap<string, Rights>): void {
    this.#callers = callers;
  }

  /** Undefined for a caller that may do nothing. */
  rightsOf(caller: string): Rights | undefined {
    if (this.#callers.size === 0) return UNLIMITED;
    // No caller is called `*`: that is no name.
    return this.#callers.get(caller) ?? this.#callers.get(OTHERS);
  }

  /** Also of those who have lost their rights, and still wait. */
  weightOf(caller: string): number {
    return this.rightsOf(caller)?.weight ?? 1;
  }

  /** How many entries there are. */
  get size(): number {
    return this.#callers.size;
  }

  /** Who have an entry of their own. */
  names(): string[] {
    return [...this.#callers.keys()].filter((name) => name !== OTHERS);
  }
}
