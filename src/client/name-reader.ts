// Reads names from any iterable into chunks, and never further than there is room. A chunk is
// passed on when it is full or when the source pauses, so that names that trickle in do not wait
// for a full chunk.
import type { Clock } from "../base/clock.js";

/** How long a chunk that is not full waits for more names. */
const LINGER_MS = 100;

export interface NameReaderOptions {
  readonly clock: Clock;
  readonly hasRoom: () => boolean;
  readonly chunkDevices: () => number;
  readonly chunk: (names: readonly string[]) => void;
  /** The names have ended, or their source threw. Nothing follows. */
  readonly ended: (error?: unknown) => void;
}

export class NameReader {
  readonly #options: NameReaderOptions;
  readonly #names: Iterable<string> | AsyncIterable<string>;
  /** Undefined until reading begins. */
  #iterator: Iterator<string> | AsyncIterator<string> | undefined;
  #begun: string[] = [];
  #isStopped = false;
  #disarm: (() => void) | undefined;
  #resume: (() => void) | undefined;

  constructor(names: Iterable<string> | AsyncIterable<string>, options: NameReaderOptions) {
    this.#options = options;
    this.#names = names;
    void this.#read();
  }

  /** Says that there may be room again. */
  roomAgain(): void {
    this.#resume?.();
    if (this.#begun.length > 0 && !this.#disarm) this.#linger();
  }

  /** Reads no more names. Returns those that were read and not passed on. */
  stop(): readonly string[] {
    if (!this.#isStopped) void this.#return();
    this.#isStopped = true;
    this.#disarm?.();
    this.#resume?.();
    return this.#begun.splice(0);
  }

  async #read(): Promise<void> {
    const { hasRoom, chunkDevices, ended } = this.#options;
    const names = this.#names;
    try {
      await undefined; // whatever the names do, such as throw or abort, their reader is at its owner's by then
      if (this.#isStopped) return;
      const iterator = Symbol.asyncIterator in names ? names[Symbol.asyncIterator]() : names[Symbol.iterator]();
      this.#iterator = iterator;
      for (;;) {
        const next = await iterator.next();
        if (this.#isStopped) return;
        if (next.done) break;
        this.#begun.push(next.value);
        if (this.#begun.length < chunkDevices()) {
          if (!this.#disarm) this.#linger();
          continue;
        }
        while (!hasRoom() && !this.#isStopped) await this.#room();
        this.#handOn();
      }
      while (!hasRoom() && !this.#isStopped) await this.#room();
      this.#handOn();
      if (!this.#isStopped) ended();
    } catch (error) {
      if (!this.#isStopped) ended(error);
    }
  }

  /** The names may throw, at once or later: a generator that aborts the run is still running. */
  async #return(): Promise<void> {
    try {
      await this.#iterator?.return?.();
    } catch {
      // They are not needed any more.
    }
  }

  #room(): Promise<void> {
    return new Promise((resolve) => {
      this.#resume = resolve;
    });
  }

  #linger(): void {
    const { clock, hasRoom } = this.#options;
    this.#disarm = clock.at(clock.now() + LINGER_MS, () => {
      this.#disarm = undefined;
      if (hasRoom()) this.#handOn();
    });
  }

  #handOn(): void {
    this.#disarm?.();
    this.#disarm = undefined;
    if (this.#isStopped || this.#begun.length === 0) return;
    this.#options.chunk(this.#begun);
    this.#begun = [];
  }
}
