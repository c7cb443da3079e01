import { describe, expect, it } from "vitest";
import { Statistics } from "../../../src/emulator/statistics.js";
import { HandClock } from "../../support/hand-clock.js";

function arrivalsAt(...momentsMs: number[]): Statistics {
  const statistics = new Statistics(new HandClock());
  for (const momentMs of momentsMs) statistics.arrived(momentMs);
  return statistics;
}

describe("Statistics", () => {
  it("finds the worst second wherever it begins", () => {
    expect(arrivalsAt(0, 100, 900, 1050, 1060, 1099, 3000).counts().worstSecond).toBe(5);
  });

  it("does not count two arrivals exactly a second apart into the same second", () => {
    expect(arrivalsAt(0, 1000, 2000).counts().worstSecond).toBe(1);
  });

  it("remembers the worst second after quieter ones", () => {
    expect(arrivalsAt(0, 1, 2, 5000, 5001).counts().worstSecond).toBe(3);
  });

  it("tells when the first and the last call arrived, and the monotonic time between", async () => {
    const clock = new HandClock({ nowMs: 50 });
    const statistics = new Statistics(clock);
    const startEpochMs = clock.wallNow();
    statistics.arrived(clock.now());
    await clock.advance(2500);
    statistics.arrived(clock.now());
    expect(statistics.counts()).toMatchObject({
      arrivals: 2,
      firstArrivalEpochMs: startEpochMs,
      lastArrivalEpochMs: startEpochMs + 2500,
      spanMs: 2500,
    });
  });

  it("counts refusals by code, and means over what there was", () => {
    const statistics = arrivalsAt();
    statistics.refused("Throttling.User");
    statistics.refused("Throttling.User");
    statistics.refused("iot.ota.FirmwareNotFound");
    statistics.succeeded(200);
    statistics.succeeded(100);
    statistics.answered(10);
    statistics.answered(30);
    expect(statistics.counts()).toMatchObject({
      refused: { "Throttling.User": 2, "iot.ota.FirmwareNotFound": 1 },
      succeeded: 2,
      devicesPerCall: 150,
      meanAnswerMs: 20,
    });
  });

  it("is all zeros before the first call", () => {
    expect(arrivalsAt().counts()).toEqual({
      arrivals: 0,
      admitted: 0,
      refused: {},
      succeeded: 0,
      devicesPerCall: 0,
      worstSecond: 0,
      firstArrivalEpochMs: null,
      lastArrivalEpochMs: null,
      spanMs: 0,
      meanAnswerMs: 0,
    });
  });
});
