import { describe, expect, it } from "vitest";
import { answerByMs, monotonicDeadlineMs } from "../../../../src/grpc/rpc/answer-by.js";
import { HandClock } from "../../../support/hand-clock.js";

describe("answerByMs", () => {
  const answerAfterMs = (timeoutMs: number, defaultMs = 60_000) => answerByMs(5000 + timeoutMs, defaultMs, 5000) - 5000;

  it.each([
    [60_000, 59_800],
    [1000, 800],
    [800, 600],
    [400, 300],
    [100, 75],
  ])(
    "answers a deadline of %d ms after %d ms: 200 ms before it, or a quarter if that is less",
    (timeoutMs, answerMs) => {
      expect(answerAfterMs(timeoutMs)).toBe(answerMs);
    },
  );

  it("answers at once when the deadline has passed already", () => {
    expect(answerAfterMs(-1)).toBe(0);
    expect(answerAfterMs(0)).toBe(0);
  });

  it("takes the default, with its margin, when there is no deadline", () => {
    expect(answerAfterMs(Infinity)).toBe(59_800);
    expect(answerAfterMs(Infinity, 400)).toBe(300);
    expect(answerAfterMs(Infinity, Infinity)).toBe(Infinity);
  });
});

describe("monotonicDeadlineMs", () => {
  it("goes by the monotonic clock, wherever the wall clock stands", () => {
    const clock = new HandClock({ nowMs: 5000, wallMs: 700 });
    expect(monotonicDeadlineMs(1000, clock)).toBe(5300);
    expect(monotonicDeadlineMs(new Date(1000), clock)).toBe(5300);
    expect(monotonicDeadlineMs(Infinity, clock)).toBe(Infinity);
  });
});
