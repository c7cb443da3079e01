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

  it("has each of many names once, while all of its parts grow", () => {
    const names = new NameSet();
    for (let n = 0; n < 100_000; n++)
      if (!names.add(`device-${n}`)) throw new Error(`device-${n} is taken for another`);
    for (let n = 0; n < 100_000; n++) if (names.add(`device-${n}`)) throw new Error(`device-${n} is there twice`);
    expect(names.size).toBe(100_000);
  });

  it("tells names apart of which one begins with the other", () => {
    const names = new NameSet();
    for (const name of ["abcd", "abcde", "abcdef", "bcde"]) expect(names.add(name)).toBe(true);
    for (const name of ["abcd", "abcde", "abcdef", "bcde"]) expect(names.add(name)).toBe(false);
  });

  it("frees the memory of its names when it is cleared, and can be used again", () => {
    const usedBytes = () => process.memoryUsage().arrayBuffers;
    const names = new NameSet();
    for (let n = 0; n < 100_000; n++) names.add(`device-${n}`);
    const fullBytes = usedBytes();
    names.clear();
    expect(fullBytes - usedBytes()).toBeGreaterThan(20 * 100_000);
    expect(names.size).toBe(0);
    expect(names.add("device-1")).toBe(true);
    expect(names.add("device-1")).toBe(false);
  });
});
