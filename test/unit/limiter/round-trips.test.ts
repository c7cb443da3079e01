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

/** An answer every 50 ms, for so long. */
async function answer(roundTrips: RoundTrips, forMs: number): Promise<void> {
  for (let atMs = 0; atMs < forMs; atMs += 50) {
    roundTrips.refresh();
    await clock.advance(50);
  }
}

describe("RoundTrips", () => {
  it("measures at most four times a second, and only while calls are answered", async () => {
    const roundTrips = roundTripsThatTake(20);
    await answer(roundTrips, 1000);
    expect(begunMs).toEqual([0, 250, 500, 750]);
    await clock.advance(10_000);
    expect(begunMs).toHaveLength(4);
    expect(roundTrips.recent).toEqual(begunMs.map((ms) => ({ atMs: ms + 20, tookMs: 20 })));
  });

  it("begins no measurement while another is under way", async () => {
    await answer(roundTripsThatTake(620), 2000);
    expect(begunMs).toEqual([0, 650, 1300, 1950]);
  });
});
