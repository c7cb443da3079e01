import { describe, expect, it } from "vitest";
import { GatheredDevices } from "../../../../src/gateway/existence/gathered-devices.js";
import { aWaiter, names, SCOPE } from "../../../support/fake-command.js";
import { HandClock } from "../../../support/hand-clock.js";

function start() {
  const clock = new HandClock();
  const released: string[][] = [];
  const gathered = new GatheredDevices({
    clock,
    devicesPerCall: 200,
    release: ({ devices }) => released.push(devices.map(({ name }) => name)),
  });
  const add = (
    count: number,
    nextDevices: number,
    priority: "normal" | "urgent" = "normal",
    scope = SCOPE,
    answerByMs = 60_000,
  ) => {
    const waiter = aWaiter({ deviceNames: names(count), priority, scope, answerByMs });
    const devices = waiter.command.deviceNames.map((name, index) => ({ name, owners: [{ waiter, index }] }));
    gathered.add({ devices, scopeQueue: { key: "key", scope } }, nextDevices);
  };
  return { clock, gathered, released, sizes: () => released.map(({ length }) => length), add };
}

describe("GatheredDevices", () => {
  it("releases devices when what may come next would not fit into their call", () => {
    const { sizes, add } = start();
    add(97, 100);
    expect(sizes()).toEqual([]);
    add(98, 100, "normal", { ...SCOPE }); // an equal scope
    expect(sizes()).toEqual([195]);
  });

  it("releases them at once when no more is read, or one of them is urgent", () => {
    const { sizes, add } = start();
    add(10, 0);
    add(10, 100);
    add(1, 100, "urgent");
    expect(sizes()).toEqual([10, 11]);
  });

  it("keeps none that has little time left (was: it expired unsent while it waited for others)", () => {
    const { sizes, add } = start();
    add(10, 100, "normal", SCOPE, 1000);
    expect(sizes()).toEqual([]);
    add(1, 100, "normal", SCOPE, 999);
    expect(sizes()).toEqual([11]);
  });

  it("keeps none for longer than half a second, and none when it closes", async () => {
    const { clock, gathered, sizes, add } = start();
    add(10, 100);
    await clock.advance(400);
    add(5, 100);
    await clock.advance(99);
    expect(sizes()).toEqual([]);
    await clock.advance(1);
    expect(sizes()).toEqual([15]);
    add(3, 100);
    gathered.close();
    expect(sizes()).toEqual([15, 3]);
    expect(clock.armed).toBe(0);
  });
});
