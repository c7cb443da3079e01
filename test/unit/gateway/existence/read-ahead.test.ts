import { describe, expect, it } from "vitest";
import type { DeviceReadEnd } from "../../../../src/gateway/device-reader.js";
import { names, SCOPE } from "../../../support/fake-command.js";
import { DEVICE_FAULT, LOST, refused, THROTTLED } from "../../../support/fake-upstream.js";
import { outcomesOf, startWithStaleNames } from "../../../support/stale-names.js";

/** One name in `every` is stale. */
function aList(count: number, every: number) {
  const list = names(count);
  return { list, missing: new Set(list.filter((_, n) => n % every === Math.floor(every / 2))) };
}

function requestsOf(list: readonly string[], size = 1000) {
  return Array.from({ length: Math.ceil(list.length / size) }, (_, n) => list.slice(n * size, (n + 1) * size));
}

const FORBIDDEN = refused({ kind: "rejected", rejection: "forbidden", deviceFault: false }, { code: "Forbidden.RAM" });

describe("ReadAhead", () => {
  it.each([
    { statesOmit: false, withinMs: 30_000 },
    { statesOmit: true, withinMs: 15_000 },
  ])("cancels 8,000 good devices among 200 stale ones in at most 70 calls (%o)", async ({ statesOmit, withinMs }) => {
    const { list, missing } = aList(8200, 41);
    const { clock, ask, upstream, dispatcher, limiter, limiters } = startWithStaleNames(missing, { statesOmit });
    const waiters = requestsOf(list).map((deviceNames) => ask({ deviceNames }));
    const { counts } = await outcomesOf(clock, waiters, withinMs);
    expect(counts).toEqual({ accepted: 8000, rejected: 200 });
    expect(upstream.calls.length).toBeLessThanOrEqual(70);
    expect(dispatcher.queue.backlog.devices).toBe(0);
    expect([limiter, limiters.details, limiters.states].map(({ out }) => out)).toEqual([0, 0, 0]);
  });

  it("does not read on for few stale names where reading is slower than sending", async () => {
    const { list, missing } = aList(8000, 1000);
    const { clock, ask, upstream } = startWithStaleNames(missing, { statesOmit: false });
    const waiters = requestsOf(list).map((deviceNames) => ask({ deviceNames }));
    expect((await outcomesOf(clock, waiters, 8000)).counts).toEqual({ accepted: 7992, rejected: 8 });
    expect(upstream.calls.length).toBeLessThanOrEqual(60);
  });

  it("reads nothing for a list without stale names", async () => {
    const { clock, ask, upstream, details, states } = startWithStaleNames(new Set());
    const waiters = requestsOf(names(8000)).map((deviceNames) => ask({ deviceNames }));
    expect((await outcomesOf(clock, waiters, 10_000)).counts).toEqual({ accepted: 8000 });
    expect([upstream.calls.length, details.calls.length, states.calls.length]).toEqual([40, 0, 0]);
  });

  it("rejects a device with the upstream's code and the reading that did not find it", async () => {
    const { clock, ask } = startWithStaleNames(new Set(["dev-3"]));
    const waiter = ask({ deviceNames: names(10) });
    await outcomesOf(clock, [waiter], 2000);
    const { outcomes, callIndexes } = await waiter.answer;
    expect(outcomes[3]).toEqual({
      kind: "rejected",
      failure: {
        kind: "rejected",
        rejection: "not-found",
        message: "the device does not exist: it was read, and not found (iot.device.NotExistedDevice)",
        upstream: { code: "iot.device.NotExistedDevice", requestId: "read-1" },
      },
    });
    expect([...callIndexes]).toEqual([1, 1, 1, 0, 1, 1, 1, 1, 1, 1]);
  });

  it.each([false, true])("does not delay another caller's single devices (states omit: %s)", async (statesOmit) => {
    const latencies = async (stale: boolean) => {
      const { list, missing } = aList(8200, 41);
      const { clock, ask } = startWithStaleNames(stale ? missing : new Set(), { statesOmit });
      for (const deviceNames of requestsOf(list)) ask({ deviceNames, caller: "bulk" });
      const waits: number[] = [];
      for (let n = 0; n < 30; n++) {
        await clock.advance(130);
        const sinceMs = clock.now();
        const single = ask({ deviceNames: [`single-${n}`], caller: "other" });
        void single.answer.then(() => waits.push(clock.now() - sinceMs));
      }
      await clock.advance(5000);
      return waits.sort((a, b) => a - b)[28] ?? Infinity;
    };
    expect(await latencies(true)).toBeLessThanOrEqual((await latencies(false)) + 10);
  });

  it("reads an urgent device of the same caller before its long list", async () => {
    const { list, missing } = aList(8200, 41);
    const { clock, ask } = startWithStaleNames(missing, { statesOmit: false });
    for (const deviceNames of requestsOf(list)) ask({ deviceNames });
    await clock.advance(3000);
    const urgent = ask({ deviceNames: ["urgent"], priority: "urgent" });
    expect(await outcomesOf(clock, [urgent], 600)).toMatchObject({ counts: { accepted: 1 } });
  });

  it("halves what reading cannot explain", async () => {
    const missing = new Set(["dev-7"]);
    const { clock, ask, upstream, details } = startWithStaleNames(missing);
    details.reply = (asked) => ({ kind: "accepted", requestId: "read", found: new Set(asked) });
    const waiter = ask({ deviceNames: names(100) });
    expect((await outcomesOf(clock, [waiter], 10_000)).counts).toEqual({ accepted: 99, rejected: 1 });
    expect(details.calls).toHaveLength(1);
    expect(upstream.calls.length).toBeGreaterThan(8);
  });

  it("halves without the permission to read, and says so once", async () => {
    const { list, missing } = aList(600, 200);
    const { clock, ask, details, log } = startWithStaleNames(missing);
    details.reply = () => FORBIDDEN as never;
    const waiters = requestsOf(list, 200).map((deviceNames) => ask({ deviceNames }));
    expect((await outcomesOf(clock, waiters, 60_000)).counts).toEqual({ accepted: 597, rejected: 3 });
    expect(details.calls).toHaveLength(1);
    const told = log.lines.filter(({ message }) => message.startsWith("devices may not be read"));
    expect(told).toMatchObject([{ level: "warn", fields: { permission: "iot:BatchQueryDeviceDetail" } }]);
  });

  it("reads nothing for ten minutes without the permission, however other readings end (was: ten seconds)", async () => {
    const { clock, ask, details, dispatcher } = startWithStaleNames(new Set(["dev-3"]));
    const none = { devices: [], scopeQueue: { key: "", scope: SCOPE } };
    const failed = { end: LOST as DeviceReadEnd, backoff: async () => {} };
    await dispatcher.existence?.readAhead.noteFailed(none, { ...failed, permission: "iot:BatchQueryDeviceDetail" });
    await dispatcher.existence?.readAhead.noteFailed(none, failed);
    await clock.advance(500_000);
    const waiter = ask({ deviceNames: names(10) });
    expect((await outcomesOf(clock, [waiter], 10_000)).counts).toEqual({ accepted: 9, rejected: 1 });
    expect(details.calls).toHaveLength(0);
  });

  it.each([
    ["is lost", LOST],
    ["is refused for one of its devices", DEVICE_FAULT],
    ["cannot be understood", { kind: "accepted", requestId: "read", found: undefined }],
  ] as const)("halves for a while when a reading %s, and reads again later", async (_, end) => {
    const { list, missing } = aList(400, 200);
    const { clock, ask, details } = startWithStaleNames(missing);
    details.reply = () => end as never;
    const first = ask({ deviceNames: list.slice(0, 200) });
    expect((await outcomesOf(clock, [first], 30_000)).counts).toEqual({ accepted: 199, rejected: 1 });
    details.reply = () => undefined;
    await clock.advance(60_000); // while the caller is demoted
    const second = ask({ deviceNames: list.slice(200) });
    expect((await outcomesOf(clock, [second], 5000)).counts).toEqual({ accepted: 199, rejected: 1 });
    expect(details.calls).toHaveLength(1 + 2);
  });

  it.each([
    ["no more after it was refused for a device", DEVICE_FAULT, 1],
    ["again after it was lost", LOST, 3],
  ] as const)("uses the faster operation %s", async (_, end, least) => {
    const { list, missing } = aList(2000, 20);
    const { clock, ask, states } = startWithStaleNames(missing);
    states.reply = () => (states.calls.length === 1 ? (end as never) : undefined);
    const waiter = ask({ deviceNames: list });
    expect((await outcomesOf(clock, [waiter], 20_000)).counts).toEqual({ accepted: 1900, rejected: 100 });
    expect(states.calls.length >= least && (least > 1 || states.calls.length === 1)).toBe(true);
  });

  it("reads again what was refused for rate", async () => {
    const { list, missing } = aList(200, 50);
    const { clock, ask, details, upstream } = startWithStaleNames(missing);
    let throttles = 2;
    details.reply = () => (throttles-- > 0 ? (THROTTLED as never) : undefined);
    const waiter = ask({ deviceNames: list });
    expect((await outcomesOf(clock, [waiter], 20_000)).counts).toEqual({ accepted: 196, rejected: 4 });
    expect(upstream.calls).toHaveLength(2);
  });

  it("does not read again what it found within minutes, and never remembers a device as missing", async () => {
    const { list, missing } = aList(400, 50);
    const { clock, ask, upstream, details, states } = startWithStaleNames(missing, { statesOmit: false });
    await outcomesOf(clock, [ask({ deviceNames: list })], 20_000);
    const asked = details.calls.length;
    const created = [...missing][0] as string;
    missing.delete(created);
    const again = ask({ deviceNames: list });
    expect((await outcomesOf(clock, [again], 20_000)).counts).toEqual({ accepted: 393, rejected: 7 });
    expect(details.calls.slice(asked).map(({ deviceNames }) => deviceNames.length)).toEqual([8]);
    expect(upstream.calls.length).toBeLessThanOrEqual(6);
    expect(states.calls).toHaveLength(1);
  });

  it("keeps to the bytes of an address where remembered devices made room for others", async () => {
    const { list, missing } = aList(200, 50);
    const { clock, ask, details } = startWithStaleNames(missing, { statesOmit: false });
    const mostBytes = 160;
    details.room.bytes = mostBytes;
    await outcomesOf(clock, [ask({ deviceNames: list })], 20_000);
    const others = list.flatMap((name, n) => [name, `new-device-${n}`]);
    expect((await outcomesOf(clock, [ask({ deviceNames: others })], 60_000)).counts).toMatchObject({ rejected: 4 });
    const bytes = details.calls.map(({ deviceNames }) => 100 + deviceNames.join("").length);
    expect(Math.max(...bytes)).toBeLessThanOrEqual(mostBytes);
  });

  it("leaves devices unread that have no time to be read", async () => {
    const { list, missing } = aList(200, 50);
    const { clock, ask, details, limiters, dispatcher } = startWithStaleNames(missing, { statesOmit: false });
    await outcomesOf(clock, [ask({ deviceNames: list })], 5000);
    const [reads, takes] = [details.calls.length, limiters.details.wishes.length];
    const late = ask({ deviceNames: ["late"], answerByMs: clock.now() + 60 });
    await clock.advance(60);
    dispatcher.leave(late);
    await clock.advance(1000);
    expect(details.calls).toHaveLength(reads);
    expect(limiters.details.wishes.length).toBeLessThanOrEqual(takes + 2);
  });

  it("sends nothing for a waiter that leaves while its devices are read", async () => {
    const { list, missing } = aList(1000, 40);
    const { clock, ask, dispatcher, upstream } = startWithStaleNames(missing, { statesOmit: false });
    const waiter = ask({ deviceNames: list });
    await clock.advance(400);
    const calls = upstream.calls.length;
    dispatcher.leave(waiter);
    waiter.conclude({ kind: "aborted", message: "the caller left" });
    await clock.advance(5000);
    expect(upstream.calls).toHaveLength(calls);
    expect(dispatcher.queue.backlog.devices).toBe(0);
    const closed = dispatcher.close();
    await clock.advance(1);
    await closed;
  });
});
