// Rounds against upstreams of a few lines that cut their second in a known way, at any place and over any network.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Round, windowOf } from "../../../../src/cli/probe/window.js";

const QUOTA = 10;

/** Whether a call is let in that arrives after those that were. */
type Cut = (arrivalMs: number, admittedMs: readonly number[]) => boolean;

const sliding: Cut = (arrivalMs, admitted) => admitted.filter((each) => each > arrivalMs - 1000).length < QUOTA;
const fixedAt =
  (place: number): Cut =>
  (arrivalMs, admitted) => {
    const secondOf = (ms: number) => Math.floor((ms - place) / 1000);
    return admitted.filter((each) => secondOf(each) === secondOf(arrivalMs)).length < QUOTA;
  };
/** Ten at first, and one more every 100 ms. */
const bucket: Cut = (arrivalMs, admitted) => {
  let [tokens, lastMs] = [QUOTA, Number.NEGATIVE_INFINITY];
  for (const each of admitted) {
    tokens = Math.min(QUOTA, tokens + (each - lastMs) / 100) - 1;
    lastMs = each;
  }
  return Math.min(QUOTA, tokens + (arrivalMs - lastMs) / 100) >= 1;
};

/** Four rounds as they are sent; `outMs` and `backMs` say how long each call travels, one way and the other. */
function roundsAgainst(cut: Cut, outMs: () => number, backMs: () => number): Round[] {
  return [0, 1, 2, 3].flatMap((round) => {
    const startMs = round * 2250;
    const admitted: number[] = [];
    const call = (sentMs: number) => {
      const arrivalMs = sentMs + outMs();
      return { sentMs, arrivalMs, answeredMs: arrivalMs + backMs() };
    };
    const burst = Array.from({ length: QUOTA }, () => call(startMs));
    const late = call(startMs + 650);
    const letIn = [...burst, late]
      .toSorted((a, b) => a.arrivalMs - b.arrivalMs)
      .filter(({ arrivalMs }) => cut(arrivalMs, admitted) && admitted.push(arrivalMs));
    if (!burst.every((each) => letIn.includes(each))) return [];
    return [{ burst, late: { ...late, admitted: letIn.includes(late) } }];
  });
}

const travel = fc.array(fc.double({ min: 0, max: 150, noNaN: true }), { minLength: 88, maxLength: 88 });

function over(times: readonly number[]): () => number {
  let next = 0;
  return () => times[next++ % times.length] ?? 0;
}

describe("windowOf", () => {
  it("knows a sliding second, however calls travel", () => {
    fc.assert(
      fc.property(travel, (times) => {
        const next = over(times);
        expect(windowOf(roundsAgainst(sliding, next, next))).toBe("sliding");
      }),
    );
  });

  it("knows a fixed second, wherever it begins and however calls travel", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 999 }), travel, (place, times) => {
        const next = over(times);
        expect(windowOf(roundsAgainst(fixedAt(place), next, next))).toBe("fixed");
      }),
    );
  });

  it("takes a bucket that fills steadily for neither", () => {
    fc.assert(
      fc.property(fc.double({ min: 0, max: 40, noNaN: true }), (travelMs) => {
        expect(
          windowOf(
            roundsAgainst(
              bucket,
              () => travelMs,
              () => travelMs,
            ),
          ),
        ).toBe("neither");
      }),
    );
  });

  it("never rules out the truth over a network that is as slow as can be, and may say that it cannot tell", () => {
    const slow = fc.array(fc.double({ min: 0, max: 3000, noNaN: true }), { minLength: 88, maxLength: 88 });
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 999 }), slow, slow, (place, out, back) => {
        expect(["sliding", "either"]).toContain(windowOf(roundsAgainst(sliding, over(out), over(back))));
        expect(["fixed", "either"]).toContain(windowOf(roundsAgainst(fixedAt(place), over(out), over(back))));
      }),
    );
  });

  it("cannot tell from nothing", () => {
    expect(windowOf([])).toBe("either");
  });
});
