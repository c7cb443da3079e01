import { describe, expect, it } from "vitest";
import { answerByMs } from "../../../../src/grpc/rpc/answer-by.js";
import { HandClock } from "../../../support/hand-clock.js";

describe("answerByMs", () => {
  const clock = new HandClock({ nowMs: 5000 });
  const answerAfterMs = (deadline: number | Date, defaultMs = 60_000) => answerByMs(deadline, defaultMs, clock) - 5000;
  const inMs = (ms: number) => clock.wallNow() + ms;

  it.each([
    [60_000, 59_800],
    [1000, 800],
    [800, 600],
    [400, 300],
    [100, 75],
  ])(
    "answers a deadline of %d ms after %d ms: 200 ms before it, or a quarter if that is less",
    (deadlineMs, answerMs) => {
      expect(answerAfterMs(inMs(deadlineMs))).toBe(answerMs);
      expect(answerAfterMs(new Date(inMs(deadlineMs)))).toBe(answerMs);
    },
  );

  it("answers at once when the deadline has passed already", () => {
    expect(answerAfterMs(inMs(-1))).toBe(0);
    expect(answerAfterMs(inMs(0))).toBe(0);
  });

  it("takes the default, with its margin, when there is no deadline", () => {
    expect(answerAfterMs(Infinity)).toBe(59_800);
    expect(answerAfterMs(Infinity, 400)).toBe(300);
  });

  it("goes by the monotonic clock from then on, wherever the wall clock stands", () => {
    const stepped = new HandClock({ nowMs: 5000, wallMs: 0 });
    expect(answerByMs(1000, 60_000, stepped)).toBe(5800);
  });
});
