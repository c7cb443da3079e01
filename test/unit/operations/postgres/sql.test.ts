import { describe, expect, it } from "vitest";
import { sql } from "../../../../src/operations/postgres/sql.js";

describe("sql", () => {
  it("has whole numbers, lists of them and bytes as the server writes them", () => {
    const bytes = Uint8Array.of(0, 1, 254, 255).subarray(1);
    expect(sql`SELECT ${-7}, ${1_800_000_000_000}, ${[3, 0]}, ${[]}, ${bytes}`).toBe(
      "SELECT -7, 1800000000000, '{3,0}'::integer[], '{}'::integer[], '\\x01feff'::bytea",
    );
  });

  it("quotes text, so that no text ends the value it is in", () => {
    expect(sql`SELECT ${"it's"}, ${"\\'; DROP TABLE x; --"}, ${""}`).toBe(
      "SELECT 'it''s',  E'\\\\''; DROP TABLE x; --', ''",
    );
  });

  it("refuses numbers that are not whole", () => {
    for (const number of [0.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53]) {
      expect(() => sql`SELECT ${number}`).toThrow("is not a whole number");
      expect(() => sql`SELECT ${[number]}`).toThrow("is not a whole number");
    }
  });
});
