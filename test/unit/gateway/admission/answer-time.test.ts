import { describe, expect, it } from "vitest";
import { AnswerTime } from "../../../../src/gateway/admission/answer-time.js";
import { HandClock } from "../../../support/hand-clock.js";

describe("AnswerTime", () => {
  it("assumes something quick before any answer", () => {
    expect(new AnswerTime(new HandClock()).typicalMs).toBe(50);
  });

  it("follows the answers, the latest most", () => {
    const time = new AnswerTime(new HandClock());
    for (let n = 0; n < 50; n++) time.note(400);
    expect(time.typicalMs).toBeCloseTo(400, 1);
    time.note(900);
    expect(time.typicalMs).toBeCloseTo(500, 1);
  });

  it("forgets half of the estimate in ten seconds without an answer, or no request with a short deadline would correct it", async () => {
    const clock = new HandClock();
    const time = new AnswerTime(clock);
    for (let n = 0; n < 50; n++) time.note(450);
    await clock.advance(10_000);
    expect(time.typicalMs).toBeCloseTo(250, 1);
    await clock.advance(10_000);
    expect(time.typicalMs).toBeCloseTo(150, 1);
  });
});
