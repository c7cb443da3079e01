// Who waits for a token in this process: first come, first served.
import type { Token, Wish } from "../gateway/limiter.js";

interface Taker {
  readonly wish: Wish;
  grant(token: Token): void;
  refuse(reason: unknown): void;
}

export class Takers {
  readonly #waiting = new Set<Taker>();
  #closed: { readonly reason: unknown } | undefined;

  /** What the first of them wants. */
  get first(): Wish | undefined {
    const [taker] = this.#waiting;
    return taker?.wish;
  }

  /** Resolves with a token that is granted; rejects if the signal aborts first, or with `close`. */
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

  /** The token is the first one's. There must be one. */
  grant(token: Token): void {
    const [taker] = this.#waiting;
    if (!taker) throw new Error("granted a token that nobody waits for");
    taker.grant(token);
  }

  /** Refuses everybody who waits, and who comes later. */
  close(reason: unknown): void {
    this.#closed = { reason };
    for (const taker of this.#waiting) taker.refuse(reason);
  }
}
