import { describe, expect, it } from "vitest";
import { Poll } from "../../../../src/limiter/shared/poll.js";
import { HandClock, settle } from "../../../support/hand-clock.js";

/** Each command takes 30 ms; the next is wanted a second later. */
function start() {
  const clock = new HandClock();
  const spokenMs: number[] = [];
  const poll = new Poll(clock, () => {
    spokenMs.push(clock.now());
    return new Promise((resolve) => {
      clock.at(clock.now() + 30, () => resolve(clock.now() + 1000));
    });
  });
  return { clock, spokenMs, poll };
}

describe("Poll", () => {
  it("speaks when it wants to, sooner if it is asked to, and never before the last answer has come", async () => {
    const { clock, spokenMs, poll } = start();
    poll.by(10);
    await clock.advance(1500);
    expect(spokenMs).toEqual([10, 1040]);
    poll.by(1600);
    poll.by(1700); // not later for that
    await clock.advance(110);
    poll.by(clock.now());
    await clock.advance(100);
    expect(spokenMs).toEqual([10, 1040, 1600, 1630]);
  });

  it("waits for the answer that is outstanding when it ends, and speaks no more", async () => {
    const { clock, spokenMs, poll } = start();
    poll.by(0);
    let isOver = false;
    const ended = poll.end().then(() => {
      isOver = true;
    });
    poll.by(10);
    await settle();
    expect(isOver).toBe(false);
    await clock.advance(30);
    await ended;
    poll.by(clock.now());
    await clock.advance(5000);
    expect([spokenMs, clock.armed]).toEqual([[0], 0]);
  });
});
