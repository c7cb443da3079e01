import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  answered,
  asked,
  type Pace,
  spaceMs,
  started,
  startMs,
  throttle,
  UNPACED,
  withheldAt,
} from "../../../src/limiter/token-rule.js";

const QUOTA = 10;
const paced = { ...UNPACED, lastStartMs: 1000 };

describe("startMs", () => {
  it("lets the first call start at once", () => {
    expect(startMs(UNPACED, QUOTA, QUOTA, false, 5000)).toBe(5000);
  });

  it("spaces calls by a tenth of a second at ten a second", () => {
    expect(startMs(paced, QUOTA, 5, false, 1020)).toBe(1100);
    expect(startMs(paced, QUOTA, 5, false, 1130)).toBe(1130);
  });

  it("is undefined while no token is free", () => {
    expect(startMs(paced, QUOTA, 0, false, 9000)).toBeUndefined();
  });

  it("spares a newcomer the pacing while more than half of the tokens are free", () => {
    expect(startMs(paced, QUOTA, 6, true, 1020)).toBe(1020);
    expect(startMs(paced, QUOTA, 5, true, 1020)).toBe(1100);
  });

  it("starts no call during a pause, not even for newcomers", () => {
    const paused = throttle(paced, QUOTA, 1000, 1050, 700);
    expect(startMs(paused, QUOTA, QUOTA, true, 1060)).toBe(1750);
  });

  it("leaves withheld tokens unused", () => {
    const yielding = throttle(UNPACED, QUOTA, 0, 0);
    expect(startMs(yielding, QUOTA, 1, false, 2000)).toBeUndefined();
    expect(startMs(yielding, QUOTA, 2, false, 2000)).toBe(2000);
  });

  it("leaves one token to find out with when fewer are there than were withheld of", () => {
    let yielding = UNPACED;
    for (let n = 0; n < 5; n++) yielding = throttle(yielding, QUOTA, n * 100 + 1, n * 100 + 2, 0);
    expect(startMs(yielding, 3, 2, false, 2000)).toBeUndefined();
    expect(startMs(yielding, 3, 3, false, 2000)).toBe(2000);
    expect(startMs(yielding, 1, 1, false, 2000)).toBe(2000);
  });

  it("never lies in the past and never before the pause is over", () => {
    const time = fc.double({ min: 0, max: 1e6, noNaN: true });
    fc.assert(
      fc.property(
        time,
        time,
        time,
        fc.integer({ min: 0, max: 50 }),
        fc.boolean(),
        (last, paused, now, free, newcomer) => {
          const pace = { ...UNPACED, lastStartMs: last, pausedUntilMs: paused };
          const start = startMs(pace, 50, free, newcomer, now);
          if (free === 0) expect(start).toBeUndefined();
          else expect(start).toBeGreaterThanOrEqual(Math.max(now, paused));
        },
      ),
    );
  });
});

describe("spaceMs", () => {
  it("shares out the time that a token is out, a second and an answer, but slow answers only in part", () => {
    expect(spaceMs(0, QUOTA)).toBe(100);
    expect(spaceMs(50, QUOTA)).toBe(105);
    expect(spaceMs(8000, QUOTA)).toBe(120);
  });
});

describe("answered", () => {
  it("learns what is typical, and one slow answer is not", () => {
    let pace = UNPACED;
    for (let n = 0; n < 60; n++) pace = answered(pace, 80);
    expect(pace.answerMs).toBeCloseTo(80, 0);
    expect(answered(pace, 480).answerMs).toBeCloseTo(130, 0);
  });

  it("spaces calls so that the gap of one late token closes (was: it came round with every use of the tokens)", () => {
    const gaps = gapsAfterOneLate({ byMs: 100, answersMs: 50 });
    expect(gaps.map(Math.round)).toEqual([105, 205, 152, 148, 143, 139, 136, 133]);
  });

  /** The longest gap between calls in each cycle of all tokens; in the first, one token is late. */
  function gapsAfterOneLate({ byMs, answersMs }: { readonly byMs: number; readonly answersMs: number }): number[] {
    let pace: Pace = { ...UNPACED, answerMs: answersMs };
    const backMs = Array.from({ length: QUOTA }, (_, n) => n * spaceMs(answersMs, QUOTA));
    const starts: number[] = [];
    for (let nth = 0; nth < 9 * QUOTA; nth++) {
      const nowMs = Math.max(backMs.shift() as number, starts.at(-1) ?? 0);
      const atMs = startMs(pace, QUOTA, 1, false, nowMs) as number;
      pace = answered(started(pace, QUOTA, atMs), answersMs);
      starts.push(atMs);
      backMs.push(atMs + answersMs + 1000 + (nth === QUOTA + 4 ? byMs : 0));
      backMs.sort((one, other) => one - other);
    }
    const gaps = starts.slice(1).map((atMs, n) => atMs - (starts[n] as number));
    return Array.from({ length: 8 }, (_, round) =>
      Math.max(...gaps.slice((round + 1) * QUOTA - 1, (round + 2) * QUOTA - 1)),
    );
  }
});

describe("asked", () => {
  it("makes up for nothing if a call is late because nobody asked before", () => {
    const pace = asked({ ...UNPACED, lastStartMs: 1000 }, QUOTA, 1800);
    expect(startMs(pace, QUOTA, 5, false, 1800)).toBe(1800);
    expect(startMs(started(pace, QUOTA, 1800), QUOTA, 5, false, 1800)).toBe(1900);
    expect(startMs(started(pace, QUOTA, 1830), QUOTA, 5, false, 1830)).toBe(1903); // late after that
  });

  it("keeps the place of a call that was asked for ahead of its time", () => {
    const pace = asked({ ...UNPACED, lastStartMs: 1000 }, QUOTA, 1020);
    expect(startMs(started(pace, QUOTA, 1130), QUOTA, 5, false, 1130)).toBe(1203);
  });
});

describe("started", () => {
  const next = (lastStartMs: number, nowMs: number) =>
    startMs(started({ ...UNPACED, lastStartMs }, QUOTA, nowMs), QUOTA, 5, false, nowMs);

  it("nearly keeps the places of the calls behind a late one, by at most half a space", () => {
    expect(next(1000, 1100)).toBe(1200);
    expect(next(1000, 1130)).toBe(1203);
    expect(next(1000, 1150)).toBe(1205);
    expect(next(1000, 1190)).toBe(1245);
  });

  it("delays no other call for one that skipped pacing", () => {
    expect(next(1000, 1020)).toBe(1120);
  });

  it("makes up for nothing after a second without a call", () => {
    expect(next(-Infinity, 5000)).toBe(5100);
    expect(next(1000, 2099)).toBe(2154);
    expect(next(1000, 2100)).toBe(2200);
  });

  it("makes up for nothing while tokens are withheld", () => {
    const pace = { ...throttle(UNPACED, QUOTA, 0, 0, 0), lastStartMs: 1000 };
    expect(startMs(started(pace, QUOTA, 1130), QUOTA, 5, false, 1130)).toBe(1230);
  });

  it("lets no more calls start in any time than have places in it, and one", () => {
    fc.assert(
      fc.property(fc.array(fc.double({ min: 0, max: 300, noNaN: true }), { minLength: 1, maxLength: 60 }), (lates) => {
        let pace = UNPACED;
        let nowMs = 0;
        const starts = lates.map((lateMs) => {
          nowMs = (startMs(pace, QUOTA, 5, false, nowMs) as number) + lateMs;
          pace = started(pace, QUOTA, nowMs);
          return nowMs;
        });
        starts.forEach((from, first) => {
          for (let last = first + 1; last < starts.length; last++) {
            const takesMs = (starts[last] as number) - from;
            expect(takesMs).toBeGreaterThanOrEqual((last - first - 0.5) * 100 - 1e-6);
          }
        });
      }),
    );
  });
});

describe("throttle", () => {
  it("pauses for as long as the upstream asks, else for a second", () => {
    expect(throttle(UNPACED, QUOTA, 0, 100, 2500).pausedUntilMs).toBe(2600);
    expect(throttle(UNPACED, QUOTA, 0, 100).pausedUntilMs).toBe(1100);
  });

  it("never shortens a pause", () => {
    const paused = throttle(UNPACED, QUOTA, 0, 100, 5000);
    expect(throttle(paused, QUOTA, 200, 300, 10).pausedUntilMs).toBe(5100);
  });

  it("withholds one token, however many calls of one burst are refused", () => {
    let pace = throttle(UNPACED, QUOTA, 900, 1000);
    for (const sentMs of [910, 950, 990]) pace = throttle(pace, QUOTA, sentMs, 1010);
    expect(withheldAt(pace, QUOTA, 1010)).toBe(1);
    expect(withheldAt(throttle(pace, QUOTA, 2100, 2150), QUOTA, 2150)).toBe(2);
  });

  it("always leaves one token to find out with", () => {
    let pace = UNPACED;
    for (let n = 0; n < 30; n++) pace = throttle(pace, QUOTA, n * 100 + 1, n * 100 + 2);
    expect(withheldAt(pace, QUOTA, 3000)).toBe(QUOTA - 1);
    expect(withheldAt(pace, QUOTA, 2902 + 10_000)).toBe(QUOTA - 2); // no later than any other
  });
});

describe("withheldAt", () => {
  it("gives one token back for every ten clean seconds", () => {
    let pace = throttle(UNPACED, QUOTA, 0, 0);
    pace = throttle(pace, QUOTA, 500, 1000);
    expect(withheldAt(pace, QUOTA, 10_999)).toBe(2);
    expect(withheldAt(pace, QUOTA, 11_000)).toBe(1);
    expect(withheldAt(pace, QUOTA, 21_000)).toBe(0);
  });
});
