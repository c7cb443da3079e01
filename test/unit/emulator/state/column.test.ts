import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Column } from "../../../../src/emulator/state/column.js";

describe("Column", () => {
  it("keeps what a list of numbers keeps, however it grows", () => {
    fc.assert(
      fc.property(fc.array(fc.nat(200), { maxLength: 300 }), fc.nat(200), (values, removed) => {
        for (const column of [Column.ofBytes(), Column.ofRows(), Column.ofMoments()]) {
          for (const value of values) column.push(value);
          column.remove(removed);
          const kept = values.filter((value) => value !== removed);
          expect(Array.from({ length: column.size }, (_, row) => column.at(row))).toEqual(kept);
          // Nothing is left of what moved up.
          expect(column.at(column.size)).toBe(0);
        }
      }),
    );
  });

  it("takes the largest row, and a moment with its milliseconds", () => {
    const [rows, moments] = [Column.ofRows(), Column.ofMoments()];
    rows.push(0xffff_ffff);
    moments.push(1_767_225_600_123);
    expect([rows.at(0), moments.at(0)]).toEqual([0xffff_ffff, 1_767_225_600_123]);
  });
});
