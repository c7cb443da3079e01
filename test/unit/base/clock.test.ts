import { describe, expect, it } from "vitest";
import { every } from "../../../src/base/clock.js";
import { HandClock } from "../../support/hand-clock.js";

describe("every", () => {
  it("runs once a period until it is ended, which may be from within, and leaves no timer", async () => {
    const clock = new HandClock();
    const ran: number[] = [];
    const end = every(clock, 100, () => {
      ran.push(clock.now());
      if (ran.length === 3) end();
    });
    await clock.advance(1000);
    expect([ran, clock.armed]).toEqual([[100, 200, 300], 0]);
  });
});
