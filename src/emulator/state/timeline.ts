// Schedules what happens later, in a binary heap. Due work runs in the order of its time when the
// state is read, not by timers, so that an idle emulator does nothing and a clock turned by hand
// moves everything.

interface Due {
  readonly atMs: number;
  /** Of two at the same moment, the one scheduled first runs first. */
  readonly order: number;
  readonly run: () => void;
}

export class Timeline {
  readonly #heap: Due[] = [];
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
    const due = { atMs, order: this.#set++, run };
    let child = this.#heap.length;
    while (child > 0) {
      const parent = (child - 1) >> 1;
      if (!before(due, this.#heap[parent] as Due)) break;
      this.#heap[child] = this.#heap[parent] as Due;
      child = parent;
    }
    this.#heap[child] = due;
  }

  /** Runs all that is due by now, including what due work schedules for before now. */
  settle(): void {
    const untilMs = this.#clockMs();
    this.#settling = true;
    try {
      for (let next = this.#heap[0]; next && next.atMs <= untilMs; next = this.#heap[0]) {
        this.#dropFirst();
        this.#nowMs = Math.max(this.#nowMs, next.atMs);
        next.run();
      }
    } finally {
      this.#settling = false;
    }
  }

  #dropFirst(): void {
    const last = this.#heap.pop();
    const size = this.#heap.length;
    if (!last || size === 0) return;
    let parent = 0;
    for (;;) {
      let child = 2 * parent + 1;
      if (child >= size) break;
      if (child + 1 < size && before(this.#heap[child + 1] as Due, this.#heap[child] as Due)) child++;
      if (!before(this.#heap[child] as Due, last)) break;
      this.#heap[parent] = this.#heap[child] as Due;
      parent = child;
    }
    this.#heap[parent] = last;
  }
}

function before(a: Due, b: Due): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order);
}
