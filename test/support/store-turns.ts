// Lets the calls of several processes to one store happen one after the other, so that a test knows
// the order of their changes, and knows when all have settled.
import { settle } from "./hand-clock.js";

export class StoreTurns {
  #underWay = 0;
  #last: Promise<unknown> = Promise.resolve();

  /** Makes the call after all earlier ones. */
  take<T>(call: () => Promise<T>): Promise<T> {
    this.#underWay++;
    const done = this.#last.then(call).finally(() => this.#underWay--);
    this.#last = done.catch(() => {});
    return done;
  }

  /** Resolves when everything has settled, a store outside this process included. */
  async idle(): Promise<void> {
    do {
      await this.#last;
      await settle();
    } while (this.#underWay > 0);
  }
}
