import { describe, expect, it } from "vitest";
import { NameSet } from "../../../src/operations/name-set.js";
import { seededRandom } from "../../support/seeded-random.js";

describe("NameSet", () => {
  it("has each name once, as a Set of strings would", () => {
    const random = seededRandom(7);
    const [names, reference] = [new NameSet(), new Set<string>()];
    for (let n = 0; n < 50_000; n++) {
      const name = `${"d".repeat(4 + Math.floor(random() * 20))}${Math.floor(random() * 9000)}`.slice(0, 32);
      expect(names.add(name)).toBe(!reference.has(name));
      reference.add(name);
    }
    expect(names.size).toBe(reference.size);
  });

  it("tells names apart of which one begins with the other", () => {
    const names = new NameSet();
    for (const name of ["abcd", "abcde", "abcdef", "bcde"]) expect(names.add(name)).toBe(true);
    for (const name of ["abcd", "abcde", "abcdef", "bcde"]) expect(names.add(name)).toBe(false);
  });
});
