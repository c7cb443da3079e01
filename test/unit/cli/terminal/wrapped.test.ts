import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { wrapped } from "../../../../src/cli/terminal/wrapped.js";

describe("wrapped", () => {
  it("takes a terminal that does not know its width for one of 80 columns (was: a line for each word)", () => {
    expect(wrapped("no gateway listens there", 0)).toBe("no gateway listens there");
  });

  it("breaks between words only, loses none, and stays narrower than the screen", () => {
    expect(wrapped("no gateway listens there", 12)).toBe("no gateway\n  listens\n  there");
    const word = fc.stringMatching(/^[a-z]{1,12}$/);
    fc.assert(
      fc.property(fc.array(word, { minLength: 1 }), fc.integer({ min: 16, max: 80 }), (words, columns) => {
        const text = wrapped(words.join(" "), columns);
        expect(text.split(/\s+/)).toEqual(words);
        for (const line of text.split("\n")) expect(line.length).toBeLessThan(columns);
      }),
    );
  });
});
