import { describe, expect, it } from "vitest";
import { MOST_REFUSALS_WAITING } from "../../../../src/grpc/resource-bounds.js";
import { RefusalPacer } from "../../../../src/grpc/transport/refusal-pacer.js";
import { HandClock } from "../../../support/hand-clock.js";

function setUp() {
  const clock = new HandClock();
  const pacer = new RefusalPacer(clock);
  const refused: number[] = [];
  const refuse = (n: number, isThere = true) =>
    pacer.schedule(() => {
      if (isThere) refused.push(n);
      return isThere;
    });
  return { clock, refused, refuse };
}

describe("RefusalPacer", () => {
  it("refuses a few at once, and keeps nothing running after", () => {
    const { clock, refused, refuse } = setUp();
    for (let n = 0; n < 10; n++) refuse(n);
    expect(refused).toHaveLength(10);
    expect(clock.armed).toBe(0);
  });

  it("refuses 500 in a second and no more, in the order of arrival, until all are refused", async () => {
    const { clock, refused, refuse } = setUp();
    for (let n = 0; n < 2000; n++) refuse(n);
    await clock.advance(1000);
    expect(refused.length).toBeGreaterThan(490);
    expect(refused.length).toBeLessThanOrEqual(510);
    await clock.advance(3000);
    expect(refused).toEqual(Array.from({ length: 2000 }, (_, n) => n));
    expect(clock.armed).toBe(0);
  });

  it("spends nothing on who has left", async () => {
    const { clock, refused, refuse } = setUp();
    for (let n = 0; n < 2000; n++) refuse(n, n === 1999);
    await clock.advance(20);
    expect(refused).toEqual([1999]);
  });

  it("lets no more wait than it can hold", () => {
    const { refused, refuse } = setUp();
    for (let n = 0; n < MOST_REFUSALS_WAITING + 10 + 5; n++) refuse(n);
    expect(refused).toHaveLength(10 + 5);
  });
});
