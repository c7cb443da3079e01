// All devices of all products, as rows over columns. A row is never reused, so that the tasks of a
// deleted device still show which device it was.
import { Column } from "./column.js";
import { DEFAULT_MODULE } from "./firmware.js";
import { idOf, rowOf } from "./ids.js";
import type { Product } from "./product.js";

/** In a column of rows: no row. */
export const NONE = 0xffff_ffff;

export class Devices {
  readonly #names: string[] = [];
  readonly #nicknames = new Map<number, string>();
  readonly #products: Product[] = [];
  readonly #productOf = Column.ofRows();
  readonly #createdMs = Column.ofMoments();
  readonly #versions: string[] = [];
  readonly #numberOfVersion = new Map<string, number>();
  readonly #versionOf = Column.ofRows();
  readonly #moduleVersions = new Map<string, string>();
  readonly #newestTask = Column.ofRows();

  /** Number of rows, including those of deleted devices. */
  get size(): number {
    return this.#names.length;
  }

  /** Adds a device. The name must be free in the product. */
  add(product: Product, name: string, version: string, nowMs: number, nickname?: string): number {
    const row = this.#names.length;
    // Devices of one product come together, so the last product is nearly always the right one.
    let number = this.#products.lastIndexOf(product);
    if (number < 0) number = this.#products.push(product) - 1;
    this.#names.push(name);
    if (nickname !== undefined) this.#nicknames.set(row, nickname);
    this.#productOf.push(number);
    this.#createdMs.push(nowMs);
    this.#versionOf.push(this.versionNumber(version));
    this.#newestTask.push(NONE);
    product.rowOfName.set(name, row);
    product.rows.push(row);
    return row;
  }

  remove(row: number): void {
    const product = this.productOf(row);
    product.rowOfName.delete(this.nameOf(row));
    product.rows.remove(row);
  }

  /** False for a deleted device. */
  exists(row: number): boolean {
    return this.productOf(row).rowOfName.get(this.nameOf(row)) === row;
  }

  nameOf(row: number): string {
    return this.#names[row] ?? "";
  }

  nicknameOf(row: number): string | undefined {
    return this.#nicknames.get(row);
  }

  productOf(row: number): Product {
    return this.#products[this.#productOf.at(row)] as Product;
  }

  createdMs(row: number): number {
    return this.#createdMs.at(row);
  }

  /**
   * The version of a module. A module that never reported counts as having the device's own
   * version.
   */
  versionOf(row: number, module: string): string {
    return this.#moduleVersions.get(`${row} ${module}`) ?? this.versionText(this.#versionOf.at(row));
  }

  setVersion(row: number, module: string, version: string): void {
    if (module === DEFAULT_MODULE) this.#versionOf.set(row, this.versionNumber(version));
    else this.#moduleVersions.set(`${row} ${module}`, version);
  }

  /** Versions are few and devices many, so each text is kept once, under a number. */
  versionNumber(version: string): number {
    const known = this.#numberOfVersion.get(version);
    if (known !== undefined) return known;
    const number = this.#versions.push(version) - 1;
    this.#numberOfVersion.set(version, number);
    return number;
  }

  versionText(number: number): string {
    return this.#versions[number] ?? "";
  }

  /** NONE if the device never had a task. */
  newestTask(row: number): number {
    return this.#newestTask.at(row);
  }

  setNewestTask(row: number, task: number): void {
    this.#newestTask.set(row, task);
  }

  iotIdOf(row: number): string {
    return idOf("device", row);
  }

  /** The device with this IotId; undefined if it does not exist, or no longer does. */
  rowOfIotId(iotId: string): number | undefined {
    const row = rowOf("device", iotId);
    return row !== undefined && row < this.#names.length && this.exists(row) ? row : undefined;
  }
}
