import { describe, expect, it } from "vitest";
import { RunNotes } from "../../../../src/cli/cancel/run-notes.js";
import type { DeviceResult } from "../../../../src/client/client.js";
import { HandClock } from "../../../support/hand-clock.js";

function setUp() {
  const clock = new HandClock();
  const lines: string[] = [];
  const stop = new AbortController();
  const owed = { is: true };
  const notes = new RunNotes({
    clock,
    paint: (_, text) => text,
    isOwed: () => owed.is,
    print: (line) => void lines.push(line),
    signal: stop.signal,
  });
  return { clock, lines, stop, owed, notes };
}

function failed(deviceName: string): DeviceResult {
  const failure = { reason: "REJECTED", code: "NOT_FOUND", message: "no", violations: [], devices: {} };
  return { deviceName, outcome: "REJECTED", ok: false, failure };
}

describe("RunNotes", () => {
  it("says that nothing is heard from the gateway, after five seconds, once (was: 0/s for 40 s)", async () => {
    const { clock, lines, notes } = setUp();
    await clock.advance(3000);
    notes.heard({ calls: 0 });
    await clock.advance(4500);
    expect(lines).toEqual([]);
    await clock.advance(30_000);
    expect(lines).toEqual(["waiting: nothing heard from the gateway for 5.0 s"]);
    notes.heard({ calls: 1 });
    expect(lines[1]).toBe("the gateway is heard again, after 35 s");
    await clock.advance(6000);
    expect(lines).toHaveLength(3);
    notes.end(undefined);
    expect(clock.armed).toBe(0);
  });

  it("says nothing of the kind while the gateway owes no answer: a producer may be quiet", async () => {
    const { clock, lines, owed } = setUp();
    owed.is = false;
    await clock.advance(60_000);
    owed.is = true;
    await clock.advance(4500);
    expect(lines).toEqual([]);
  });

  it("says each obstacle once, with what a terminal would take for a command spelled out", () => {
    const { lines, notes } = setUp();
    for (const obstacle of ["no \u009bconnection", "", "no \u009bconnection"]) notes.heard({ calls: 0, obstacle });
    expect(lines).toEqual(["waiting: no \\u{9B}connection"]);
  });

  it("says the first failure, but not twice if it is why the run ends", async () => {
    const going = setUp();
    going.notes.resulted(failed("dev-0"));
    await going.clock.advance(200);
    going.notes.resulted(failed("dev-1"));
    going.notes.end(undefined);
    expect(going.lines).toEqual(["first failure: dev-0: no"]);
    const refused = setUp();
    refused.notes.resulted(failed("dev-0"));
    refused.notes.end(new Error("no"));
    expect(refused.lines).toEqual([]);
  });

  it("says that the run stops, and calls none of what that brings a failure", async () => {
    const { clock, lines, stop, notes } = setUp();
    stop.abort();
    notes.resulted(failed("dev-0"));
    await clock.advance(200);
    notes.end(new Error("stopped"));
    expect(lines).toEqual(["stopping: the last answers are awaited"]);
  });
});
