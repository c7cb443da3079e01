// The takers that wait for a token in this process: first come, first served.
import type { Token, Wish } from "../gateway/limiter.js";

interface Taker {
  readonly wish: Wish;
  grant(token: Token): void;
  refuse(reason: unknown): void;
}

export class Takers {
  readonly #waiting = new Set<Taker>();
  #closed: { readonly reason: unknown } | undefined;

  /** What the first taker wants. */
  get first(): Wish | undefined {
    const [taker] = this.#waiting;
    return taker?.wish;
  }

  /** Resolves with the token granted; rejects if the signal aborts first, or on `close`. */
  wait(wish: Wish, signal: AbortSignal): Promise<Token> {
    return new Promise((resolve, reject) => {
      if (signal.aborted) return reject(signal.reason);
      if (this.#closed) return reject(this.#closed.reason);
      const leave = () => {
        this.#waiting.delete(taker);
        signal.removeEventListener("abort", abort);
      };
      const abort = () => taker.refuse(signal.reason);
      const taker: Taker = {
        wish,
        grant: (token) => {
          leave();
          resolve(token);
        },
        refuse: (reason) => {
          leave();
          reject(reason);
        },
      };
      signal.addEventListener("abort", abort);
      this.#waiting.add(taker);
    });
  }

  /** Gives the token to the first taker. There must be one. */
  grant(token: Token): void {
    const [taker] = this.#waiting;
    if (!taker) throw new Error("granted a token that nobody waits for");
    taker.grant(token);
  }

  /** Refuses all takers, also those that come later. */
  close(reason: unknown): void {
    this.#closed = { reason };
    for (const taker of this.#waiting) taker.refuse(reason);
  }
}
