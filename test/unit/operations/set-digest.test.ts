import { describe, expect, it } from "vitest";
import { SetDigest } from "../../../src/operations/set-digest.js";

function digestOf(names: readonly string[]): string {
  const digest = new SetDigest();
  for (const name of names) digest.add(name);
  return digest.hex();
}

describe("SetDigest", () => {
  const names = Array.from({ length: 500 }, (_, n) => `device-${n}`);

  it("does not depend on the order", () => {
    expect(digestOf(names.toReversed())).toBe(digestOf(names));
    expect(digestOf(names)).toMatch(/^[0-9a-f]{64}$/);
  });

  it("differs for another set, also of the same size", () => {
    expect(digestOf(names.slice(1))).not.toBe(digestOf(names));
    expect(digestOf([...names.slice(1), "device-500"])).not.toBe(digestOf(names));
    expect(digestOf(["ab", "cd"])).not.toBe(digestOf(["abcd"]));
  });

  it("carries from word to word: it is the sum of the hashes modulo 2^256", () => {
    const sum = names.reduce((total, name) => (total + BigInt(`0x${digestOf([name])}`)) % 2n ** 256n, 0n);
    expect(digestOf(names)).toBe(sum.toString(16).padStart(64, "0"));
  });
});
