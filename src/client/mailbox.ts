// Brings the messages of several sources to one reader, in order of arrival.

export class Mailbox<T> {
  readonly #waiting: T[] = [];
  #wake: (() => void) | undefined;

  /** Number of unread messages. */
  get size(): number {
    return this.#waiting.length;
  }

  put(next: T): void {
    this.#waiting.push(next);
    this.#wake?.();
  }

  /** Waits for the next message. Only one reader is allowed. */
  async next(): Promise<T> {
    for (;;) {
      const [next] = this.#waiting.splice(0, 1);
      if (next !== undefined) return next;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }
}
