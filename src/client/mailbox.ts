// What several sources have to tell one reader, in the order in which it came.

export class Mailbox<T> {
  readonly #waiting: T[] = [];
  #wake: (() => void) | undefined;

  /** How much has not been read. */
  get size(): number {
    return this.#waiting.length;
  }

  put(next: T): void {
    this.#waiting.push(next);
    this.#wake?.();
  }

  /** Waits for the next. For one reader. */
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
