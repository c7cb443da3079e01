import { describe, expect, it } from "vitest";
import { CallFeed } from "../../../../src/observe/admin/call-feed.js";
import { anEnd, aSentCall, type Ending } from "../../../support/observed-calls.js";

const WALL_MS = Date.UTC(2026, 0, 1);

const ACCEPTED: Ending = { kind: "accepted", requestId: "request" };
const REFUSED: Ending = { kind: "refused", requestId: "r", code: "iot.ota.FirmwareNotFound" };
const THROTTLED: Ending = { kind: "refused", requestId: "r", code: "Throttling", throttled: true };

/** A feed that received these ends, one call per tenth of a second. */
function fed(...ends: Ending[]): CallFeed {
  const feed = new CallFeed();
  for (const [n, end] of ends.entries()) {
    const call = aSentCall(n * 100);
    feed.sent(call);
    feed.ended(call, anEnd(call, end));
  }
  return feed;
}

describe("CallFeed", () => {
  it("shows a call from the moment it is sent, and then how it ended", () => {
    const feed = new CallFeed();
    const devicesByCaller = new Map(Object.entries({ a: 10, b: 90, c: 50, d: 40, e: 10 }));
    const call = aSentCall(1000, { devicesByCaller, jobId: "job", attempt: 2 });
    feed.sent(call);
    const underWay = {
      number: 1,
      sentWallMs: WALL_MS + 1000,
      devices: 200,
      callers: [
        { caller: "b", devices: 90 },
        { caller: "c", devices: 50 },
        { caller: "d", devices: 40 },
      ],
      otherCallers: 2,
      productKey: "product",
      firmwareId: "firmware",
      jobId: "job",
      attempt: 2,
    };
    expect(feed.calls).toEqual([underWay]);
    feed.ended(call, anEnd(call, { kind: "refused", durationMs: 20.4, requestId: "request", code: "iot.some.Code" }));
    const ended = { result: "refused", durationMs: 20, requestId: "request", code: "iot.some.Code" };
    expect(feed.calls).toEqual([{ ...underWay, ...ended }]);
  });

  it("keeps the last 20 calls, and of what was not accepted the last 10 however long ago", () => {
    const trouble = Array<Ending>(12).fill({ kind: "lost", durationMs: 10_000, cause: "no answer" });
    const feed = fed(...trouble, ...Array<Ending>(1000).fill(ACCEPTED));
    const { calls } = feed;
    expect(calls.slice(0, 20).map(({ number }) => number)).toEqual(Array.from({ length: 20 }, (_, n) => 1012 - n));
    expect(calls.slice(20).map(({ number }) => number)).toEqual([12, 11, 10, 9, 8, 7, 6, 5, 4, 3]);
    expect(calls[20]).toMatchObject({ result: "lost", code: "no answer" });
  });

  it("lists a call once that is both recent and in trouble", () => {
    expect(fed(ACCEPTED, THROTTLED, ACCEPTED).calls.map(({ number }) => number)).toEqual([3, 2, 1]);
  });

  it("counts calls by how they ended, and devices of those that were accepted", () => {
    const feed = fed(
      ACCEPTED,
      ACCEPTED,
      THROTTLED,
      { kind: "refused", durationMs: 1, requestId: "r", code: "c" },
      { kind: "lost", durationMs: 1 },
      { kind: "unwritten", durationMs: 1 },
    );
    const calls = { accepted: 2, refused: 1, throttled: 1, lost: 1, unwritten: 1 };
    expect(feed.totals).toEqual({ calls, devicesAccepted: 400 });
    expect(feed.throttles(1000)).toEqual({ total: 1, lastMinute: 1, lastWallMs: WALL_MS + 220 });
    expect(feed.throttles(100_000)).toMatchObject({ total: 1, lastMinute: 0 });
  });

  it("does not count what was never written: the upstream cannot have", () => {
    const feed = fed(ACCEPTED, { kind: "unwritten", durationMs: 1, cause: "no connection" });
    expect(feed.pace(500)).toMatchObject({ callsLastSecond: 1, mostCallsInASecond: 1 });
    expect(feed.sentLastMinute(500).byCaller).toEqual(new Map([["a", 200]]));
  });

  it("splits the devices of a second into accepted and not (was: 2,000 a second while all were refused)", () => {
    const feed = fed(ACCEPTED, REFUSED, REFUSED, { kind: "lost", cause: "timeout" });
    expect(feed.pace(500)).toMatchObject({ acceptedLastSecond: 200, notAcceptedLastSecond: 600 });
    const { accepted, notAccepted } = feed.pace(500);
    expect([accepted.at(-1), notAccepted.at(-1)]).toEqual([200, 600]);
  });

  it("counts what was not accepted by answer and caller, the latest first", () => {
    const feed = fed(REFUSED, THROTTLED, REFUSED, ACCEPTED);
    expect(feed.refusals).toEqual([
      { code: "iot.ota.FirmwareNotFound", caller: "a", calls: 2, devices: 400, lastWallMs: WALL_MS + 220 },
      { code: "Throttling", caller: "a", calls: 1, devices: 200, lastWallMs: WALL_MS + 120 },
    ]);
  });

  it("hears of an end once, and of no call it was not told of", () => {
    const feed = new CallFeed();
    const call = aSentCall(0);
    feed.ended(call, anEnd(call, ACCEPTED));
    feed.sent(call);
    feed.ended(call, anEnd(call, ACCEPTED));
    feed.ended(call, anEnd(call, ACCEPTED));
    expect(feed.totals.calls.accepted).toBe(1);
  });

  it("bounds and spells out what callers and the upstream call themselves", () => {
    const feed = new CallFeed();
    const call = aSentCall(0, { devicesByCaller: new Map([["\u202E".repeat(5000), 1]]) });
    feed.sent(call);
    feed.ended(
      call,
      anEnd(call, { kind: "refused", durationMs: 1, requestId: "x".repeat(5000), code: "y".repeat(5000) }),
    );
    expect(JSON.stringify(feed.calls).length).toBeLessThan(1500);
    expect(feed.calls[0]?.callers[0]?.caller).toMatch(/^(\\u\{202E\}){63}…$/);
  });
});
