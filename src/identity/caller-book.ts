// The callers and their rights, as the callers file currently defines them. All entries are
// replaced at once, so no request is judged by half of a new file. Rights are looked up for every
// request.
import { type Rights, UNLIMITED } from "./rights.js";

/** The entry for all callers without an entry of their own. */
export const OTHERS = "*";

export class CallerBook {
  #callers: ReadonlyMap<string, Rights>;

  constructor(callers: ReadonlyMap<string, Rights>) {
    this.#callers = callers;
  }

  replace(callers: ReadonlyMap<string, Rights>): void {
    this.#callers = callers;
  }

  /** The rights of a caller; undefined if it may do nothing. */
  rightsOf(caller: string): Rights | undefined {
    if (this.#callers.size === 0) return UNLIMITED;
    // No caller can be named `*`: that is not a valid name.
    return this.#callers.get(caller) ?? this.#callers.get(OTHERS);
  }

  /**
   * The weight of a caller. Also defined for callers that lost their rights while their requests
   * wait.
   */
  weightOf(caller: string): number {
    return this.rightsOf(caller)?.weight ?? 1;
  }

  /** The number of entries. */
  get size(): number {
    return this.#callers.size;
  }

  /** The callers with an entry of their own. */
  names(): string[] {
    return [...this.#callers.keys()].filter((name) => name !== OTHERS);
  }
}
