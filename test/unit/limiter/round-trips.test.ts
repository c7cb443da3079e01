import { beforeEach, describe, expect, it } from "vitest";
import { RoundTrips } from "../../../src/limiter/round-trips.js";
import { HandClock } from "../../support/hand-clock.js";

let clock: HandClock;
/** When each measurement began. */
let begunMs: number[];

beforeEach(() => {
  clock = new HandClock();
  begunMs = [];
});

function roundTripsThatTake(ms: number): RoundTrips {
  const measure = () =>
    new Promise<number>((resolve) => {
      begunMs.push(clock.now());
      clock.at(clock.now() + ms, () => resolve(ms));
    });
  return new RoundTrips({ clock, measure });
}

describe("RoundTrips", () => {
  it("measures four times a second until no call has been answered for a second", async () => {
    const roundTrips = roundTripsThatTake(20);
    roundTrips.refresh();
    await clock.advance(600);
    roundTrips.refresh();
    await clock.advance(10_000);
    expect(begunMs).toEqual([0, 250, 500, 750, 1000, 1250, 1500]);
    expect(roundTrips.recent).toEqual(begunMs.map((ms) => ({ atMs: ms + 20, tookMs: 20 })));
    expect(clock.armed).toBe(0);
    roundTrips.refresh();
    expect(begunMs.at(-1)).toBe(10_600);
  });

  it("begins no measurement while another is under way", async () => {
    const roundTrips = roundTripsThatTake(620);
    for (let n = 0; n < 4; n++) {
      roundTrips.refresh();
      await clock.advance(500);
    }
    expect(begunMs).toEqual([0, 620, 1240, 1860]);
  });
});
