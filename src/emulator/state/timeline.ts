// Schedules what happens later. Due work runs in the order of its time when the state is read, not
// by timers, so that an idle emulator does nothing and a clock turned by hand moves everything.
import { Heap, type HeapMember } from "../../base/heap.js";

interface Due extends HeapMember {
  readonly atMs: number;
  /** Of two at the same moment, the one scheduled first runs first. */
  readonly order: number;
  readonly run: () => void;
}

export class Timeline {
  readonly #dues = new Heap<Due>(before);
  readonly #clockMs: () => number;
  #set = 0;
  #nowMs: number;
  #settling = false;

  /** `clockMs` never goes back. */
  constructor(clockMs: () => number) {
    this.#clockMs = clockMs;
    this.#nowMs = clockMs();
  }

  /** The present; while due work runs, the moment that it was due at. */
  now(): number {
    if (!this.#settling) this.#nowMs = this.#clockMs();
    return this.#nowMs;
  }

  at(atMs: number, run: () => void): void {
    this.#dues.add({ atMs, order: this.#set++, run, position: -1 });
  }

  /** Runs all that is due by now, including what due work schedules for before now. */
  settle(): void {
    const untilMs = this.#clockMs();
    this.#settling = true;
    try {
      for (let next = this.#dues.first; next && next.atMs <= untilMs; next = this.#dues.first) {
        this.#dues.delete(next);
        this.#nowMs = Math.max(this.#nowMs, next.atMs);
        next.run();
      }
    } finally {
      this.#settling = false;
    }
  }
}

function before(a: Due, b: Due): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order);
}
