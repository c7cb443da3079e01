// The takers in this process that wait for a token: first come, first served.
import type { Token, Wish } from "../gateway/limiter.js";

interface Taker {
  readonly wish: Wish;
  grant(token: Token): void;
  refuse(reason: unknown): void;
}

export class Takers {
  readonly #waiting = new Set<Taker>();
  #closed: { readonly reason: unknown } | undefined;

  /** The wish of the first taker. */
  get first(): Wish | undefined {
    const [taker] = this.#waiting;
    return taker?.wish;
  }

  /** The wish of the taker before whom `n` others wait. */
  nth(n: number): Wish | undefined {
    return [...this.#waiting][n]?.wish;
  }

  /** Resolves with a granted token. Rejects if the signal aborts first, or on `close`. */
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
    if (!taker) throw new Error("a token was granted although no taker waits");
    taker.grant(token);
  }

  /** Rejects all takers, including later ones. */
  close(reason: unknown): void {
    this.#closed = { reason };
    for (const taker of this.#waiting) taker.refuse(reason);
  }
}
