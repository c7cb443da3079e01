import { describe, expect, it } from "vitest";
import { StreamProgress } from "../../../../src/grpc/service/progress.js";
import { HandClock } from "../../../support/hand-clock.js";

function setUp() {
  const clock = new HandClock();
  const told: [ms: number, waiting: bigint][] = [];
  const client = { isUnread: false };
  const progress = new StreamProgress({
    clock,
    remainingMs: () => 0,
    obstacle: () => "",
    isUnread: () => client.isUnread,
    report: ({ devicesWaiting }) => told.push([clock.now() - startMs, devicesWaiting]),
  });
  const startMs = clock.now();
  return { clock, told, client, progress };
}

describe("StreamProgress", () => {
  it("is told at once, then every half a second however often it is asked to, until it was told that nothing waits", async () => {
    const { clock, told, progress } = setUp();
    progress.taken(30);
    for (let n = 0; n < 10; n++) progress.reportInTime();
    await clock.advance(600);
    progress.taken(12);
    progress.settled(30);
    progress.reportInTime();
    await clock.advance(900);
    progress.settled(12);
    await clock.advance(5000);
    expect(told).toEqual([
      [0, 30n],
      [500, 30n],
      [1000, 12n],
      [1500, 12n],
      [2000, 0n],
    ]);
    expect(clock.armed).toBe(0);
  });

  it("is not told to who leaves it unread, and goes on as soon as that is over", async () => {
    const { clock, told, client, progress } = setUp();
    client.isUnread = true;
    progress.taken(1);
    progress.reportInTime();
    await clock.advance(1200);
    client.isUnread = false;
    await clock.advance(400);
    expect(told).toEqual([[1500, 1n]]);
  });

  it("ends when it is closed", async () => {
    const { clock, told, progress } = setUp();
    progress.taken(1);
    progress.reportInTime();
    progress.close();
    progress.reportInTime();
    await clock.advance(1000);
    expect([told, clock.armed]).toEqual([[], 0]);
  });
});
