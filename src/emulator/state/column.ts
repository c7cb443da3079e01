// A growing list of numbers in a typed array. Devices and tasks are rows over such columns rather
// than objects, so that a million of each fit into a small process.

type Cells = Uint8Array | Uint32Array | Float64Array;

const FIRST_CAPACITY = 64;

export class Column {
  readonly #make: (capacity: number) => Cells;
  #cells: Cells;
  #size = 0;

  private constructor(make: (capacity: number) => Cells) {
    this.#make = make;
    this.#cells = make(FIRST_CAPACITY);
  }

  static ofBytes(): Column {
    return new Column((capacity) => new Uint8Array(capacity));
  }

  /** Whole numbers up to 2³² - 1: rows of other tables. */
  static ofRows(): Column {
    return new Column((capacity) => new Uint32Array(capacity));
  }

  /** Moments, in milliseconds since the epoch. */
  static ofMoments(): Column {
    return new Column((capacity) => new Float64Array(capacity));
  }

  get size(): number {
    return this.#size;
  }

  /** Returns 0 beyond the end. */
  at(row: number): number {
    return row < this.#size ? (this.#cells[row] ?? 0) : 0;
  }

  push(value: number): void {
    if (this.#size === this.#cells.length) {
      const larger = this.#make(this.#size * 2);
      larger.set(this.#cells);
      this.#cells = larger;
    }
    this.#cells[this.#size++] = value;
  }

  /** Changes an existing row. */
  set(row: number, value: number): void {
    this.#cells[row] = value;
  }

  /** Removes every cell that holds `value`; the rows after it move up. */
  remove(value: number): void {
    let kept = 0;
    for (let row = 0; row < this.#size; row++) {
      const cell = this.at(row);
      if (cell !== value) this.set(kept++, cell);
    }
    this.#size = kept;
  }
}
