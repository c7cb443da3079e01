import { describe, expect, it } from "vitest";
import type { Check } from "../../../../src/gateway/existence/device-check.js";
import { names } from "../../../support/fake-command.js";
import { DEVICE_FAULT, LOST, refused, THROTTLED } from "../../../support/fake-upstream.js";
import type { HandClock } from "../../../support/hand-clock.js";
import { outcomesOf, startWithStaleNames } from "../../../support/stale-names.js";

const FORBIDDEN = refused({ kind: "rejected", rejection: "forbidden", deviceFault: false }, { code: "Forbidden.RAM" });

/** Turns the clock, and counts the devices by kind. `messages`: of all that are not existing. */
async function told(clock: HandClock, check: Check, withinMs: number) {
  let isOver = false;
  void check.devices.then(() => {
    isOver = true;
  });
  await clock.advance(withinMs);
  if (!isOver) return { counts: "open", messages: [] };
  const counts: Record<string, number> = {};
  const messages = new Set<string>();
  for (const device of await check.devices) {
    counts[device.kind] = (counts[device.kind] ?? 0) + 1;
    if (device.kind !== "existing") messages.add(device.failure.message);
  }
  return { counts, messages: [...messages] };
}

/** One name in 20 is stale. */
function aList(count: number) {
  const list = names(count);
  return { list, missing: new Set(list.filter((_, n) => n % 20 === 10)) };
}

describe("DeviceCheck", () => {
  it("says of each device whether it exists, and cancels nothing", async () => {
    const { list, missing } = aList(1000);
    const { clock, check, upstream, details, dispatcher } = startWithStaleNames(missing, { statesOmit: false });
    const { counts, messages } = await told(clock, check({ deviceNames: list }), 3000);
    expect(counts).toEqual({ existing: 950, missing: 50 });
    expect(messages).toEqual(["the device does not exist: it was read, and not found"]);
    expect([upstream.calls.length, details.calls.length]).toEqual([0, 10]);
    expect(dispatcher.queue.backlog.devices).toBe(0);
  });

  it("uses the faster operation once that has been seen to omit missing devices", async () => {
    const { list, missing } = aList(5000);
    const { clock, check, states } = startWithStaleNames(missing);
    expect((await told(clock, check({ deviceNames: list }), 4000)).counts).toEqual({ existing: 4750, missing: 250 });
    expect(states.calls.length).toBeGreaterThan(80);
  });

  it("is not counted among the devices that wait to be canceled, and gives way to their reading", async () => {
    const { list, missing } = aList(2000);
    const stale = startWithStaleNames(missing, { statesOmit: false });
    const { clock, ask, check, dispatcher } = stale;
    const endless = check({ deviceNames: names(20_000, 0, "other-"), caller: "other" });
    expect(dispatcher.queue.backlog.devices).toBe(0);
    const waiter = ask({ deviceNames: list });
    const alone = startWithStaleNames(missing, { statesOmit: false });
    const waiterAlone = alone.ask({ deviceNames: list });
    const [{ overMs }, { overMs: aloneMs }] = [
      await outcomesOf(clock, [waiter], 20_000),
      await outcomesOf(alone.clock, [waiterAlone], 20_000),
    ];
    expect(overMs).toBeLessThanOrEqual(aloneMs * 1.2);
    expect((await told(clock, endless, 60_000)).counts).toEqual({ existing: 20_000 });
  });

  it("gets one reading call in ten while cancels need more of them than there are", async () => {
    const { list, missing } = aList(20_000);
    const { clock, ask, check } = startWithStaleNames(missing, { statesOmit: false });
    ask({ deviceNames: list, caller: "other" });
    await clock.advance(2000);
    expect((await told(clock, check({ deviceNames: names(100, 0, "few-") }), 4000)).counts).toEqual({ existing: 100 });
  });

  it("claims nothing about devices that were not read before the deadline", async () => {
    const { list } = aList(2000);
    const { clock, check } = startWithStaleNames(new Set());
    const { counts, messages } = await told(clock, check({ deviceNames: list, answerByMs: 1050 }), 1050);
    expect(counts).toEqual({ existing: 500, "not-read": 1500 });
    expect(messages).toEqual(["not read before the deadline; use a longer deadline"]);
  });

  it("answers all of a scope at once where the keys may not read, and names the permission", async () => {
    const { clock, check, details, log } = startWithStaleNames(new Set());
    details.reply = () => FORBIDDEN as never;
    const { counts, messages } = await told(clock, check({ deviceNames: names(500) }), 100);
    expect(counts).toEqual({ "not-read": 500 });
    expect(messages).toEqual([
      "not read: the upstream refused: Forbidden.RAM; the gateway's keys lack the permission iot:BatchQueryDeviceDetail",
    ]);
    expect(details.calls).toHaveLength(1);
    expect(log.lines.filter(({ level }) => level === "warn")).toHaveLength(2); // the call, and what it means
  });

  it.each([
    ["is refused for one of its devices", DEVICE_FAULT, "not read: refused together with other devices"],
    [
      "cannot be understood",
      { kind: "accepted", requestId: "read", found: undefined },
      "not read: the upstream's list of devices cannot be understood",
    ],
  ] as const)("knows nothing of the devices of a reading that %s", async (_, end, message) => {
    const { clock, check, details } = startWithStaleNames(new Set());
    details.reply = () => (details.calls.length === 1 ? (end as never) : undefined);
    const { counts, messages } = await told(clock, check({ deviceNames: names(200) }), 2000);
    expect(counts).toEqual({ existing: 100, "not-read": 100 });
    expect(messages).toEqual([expect.stringContaining(message)]);
  });

  it.each([
    ["was lost", LOST],
    ["was refused for rate", THROTTLED],
  ] as const)("reads again what %s", async (_, end) => {
    const { clock, check, details } = startWithStaleNames(new Set(["dev-3"]));
    details.reply = () => (details.calls.length === 1 ? (end as never) : undefined);
    const { counts } = await told(clock, check({ deviceNames: names(50) }), 5000);
    expect(counts).toEqual({ existing: 49, missing: 1 });
  });

  it("says why a reading failed if none succeeds before the deadline", async () => {
    const { clock, check, details } = startWithStaleNames(new Set());
    details.reply = () => LOST as never;
    const { counts, messages } = await told(clock, check({ deviceNames: names(50), answerByMs: 5000 }), 5000);
    expect(counts).toEqual({ "not-read": 50 });
    expect(messages).toEqual([expect.stringMatching(/^not read: /)]);
    expect(details.calls.length).toBeGreaterThan(2);
  });

  it("answers at once when its caller leaves or the gateway drains", async () => {
    const { clock, check, details, dispatcher } = startWithStaleNames(new Set());
    const left = check({ deviceNames: names(1000) });
    const drained = check({ deviceNames: names(1000, 1000) });
    left.abort();
    dispatcher.existence?.deviceCheck.end({ kind: "draining", message: "shutting down" });
    expect(await told(clock, left, 0)).toEqual({
      counts: { "not-read": 1000 },
      messages: ["not read: the caller left"],
    });
    expect((await told(clock, drained, 0)).messages).toEqual(["not read: shutting down"]);
    await clock.advance(5000);
    expect(details.calls.length).toBeLessThanOrEqual(1);
  });

  it("keeps no more than so many devices of a caller waiting, and says so of the others", async () => {
    const { clock, check } = startWithStaleNames(new Set());
    const first = check({ deviceNames: names(49_900) });
    const second = check({ deviceNames: names(300, 50_000) });
    const third = check({ deviceNames: names(10, 60_000) });
    expect((await told(clock, third, 0)).messages).toEqual([expect.stringContaining("too many devices wait")]);
    expect((await told(clock, check({ deviceNames: names(100), caller: "other" }), 1000)).counts).toEqual({
      existing: 100,
    });
    first.abort();
    expect((await told(clock, second, 2000)).counts).toEqual({ existing: 100, "not-read": 200 });
  });
});
