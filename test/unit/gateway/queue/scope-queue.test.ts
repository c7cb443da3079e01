import { describe, expect, it } from "vitest";
import type { Command } from "../../../../src/gateway/command.js";
import type { BatchDevice } from "../../../../src/gateway/queue/batch.js";
import type { FillOptions, QueueEntry } from "../../../../src/gateway/queue/queue-entry.js";
import type { ScopeQueue } from "../../../../src/gateway/queue/scope-queue.js";
import { names } from "../../../support/fake-command.js";
import { ROOM } from "../../../support/fake-upstream.js";
import { anEntry, aScopeQueue } from "../../../support/queue-entries.js";

interface Options extends Partial<FillOptions> {
  readonly weightOf?: (caller: string) => number;
}

function waitIn(scopeQueue: ScopeQueue, command: Partial<Command>): QueueEntry {
  const entry = anEntry(command, 0, scopeQueue);
  scopeQueue.add(entry, entry.waiter.command.deviceNames);
  return entry;
}

function scopeQueueOf(commands: readonly Partial<Command>[], { weightOf, ...options }: Options = {}) {
  const scopeQueue = aScopeQueue(weightOf);
  const entries = commands.map((command) => waitIn(scopeQueue, command));
  const fill = (turn: number, devices = 200) => {
    const room = { ...ROOM, devices: devices };
    const filled = scopeQueue.fill(entries[turn] as QueueEntry, { room, maySend: () => true, ...options });
    for (const entry of entries) if (entry.waiting === 0) scopeQueue.remove(entry);
    return filled;
  };
  return { scopeQueue, entries, fill };
}

/** Seats by the caller who pays. */
function seatsOf(devices: readonly BatchDevice[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { owners } of devices) {
    const caller = owners[0]?.waiter.command.caller ?? "";
    counts[caller] = (counts[caller] ?? 0) + 1;
  }
  return counts;
}

const of = (caller: string, count: number, more: Partial<Command> = {}) => ({
  caller,
  deviceNames: names(count, 0, `${caller}-`),
  ...more,
});

describe("ScopeQueue.fill", () => {
  it("gives seats by class, starting with the class that has the turn", () => {
    const commands = [of("u", 4, { priority: "urgent" }), of("n", 4), of("b", 4, { priority: "bulk" })];
    expect(seatsOf(scopeQueueOf(commands).fill(0, 6))).toEqual({ u: 4, n: 2 });
    expect(seatsOf(scopeQueueOf(commands).fill(2, 6))).toEqual({ b: 4, u: 2 });
  });

  it("shares the seats of a class by weight, and leaves what one does not want to the others", () => {
    const weightOf = (caller: string) => (caller === "heavy" ? 3 : 1);
    const { fill } = scopeQueueOf([of("heavy", 500), of("light", 500), of("small", 5)], { weightOf });
    expect(seatsOf(fill(1, 200))).toEqual({ heavy: 146, light: 49, small: 5 });
  });

  it("gives the caller whose turn it is a seat, however many others wait", () => {
    const { fill } = scopeQueueOf(Array.from({ length: 30 }, (_, n) => of(`c${n}`, 9)));
    expect(seatsOf(fill(29, 10))).toMatchObject({ c29: 1 });
  });

  it("owes what it cannot give in whole seats to the next call (was: the first to come had it every time)", () => {
    const { fill } = scopeQueueOf(Array.from({ length: 15 }, (_, n) => of(`c${n}`, 90)));
    const had: Record<string, number> = {};
    for (let call = 0; call < 30; call++) {
      for (const [caller, devices] of Object.entries(seatsOf(fill(call % 15, 10))))
        had[caller] = (had[caller] ?? 0) + devices;
    }
    for (const devices of Object.values(had)) expect(Math.abs(devices - 20)).toBeLessThanOrEqual(2);
    expect(Object.keys(had)).toHaveLength(15);
  });

  it("does not let rounding starve the light ones", () => {
    const weightOf = (caller: string) => (caller.startsWith("heavy") ? 5 : 1);
    const heavy = Array.from({ length: 10 }, (_, n) => of(`heavy${n}`, 900));
    const light = Array.from({ length: 30 }, (_, n) => of(`light${n}`, 900));
    const { fill } = scopeQueueOf([...heavy, ...light], { weightOf });
    let ofLight = 0;
    for (let call = 0; call < 80; call++) {
      const devices = seatsOf(fill(0, 20));
      for (const [caller, count] of Object.entries(devices)) if (caller.startsWith("light")) ofLight += count;
    }
    // Three eighths of 1,600 seats.
    expect(ofLight).toBeGreaterThan(570);
    expect(ofLight).toBeLessThan(630);
  });

  it("does not count on devices that may not be sent", () => {
    const maySend = ({ waiter }: QueueEntry) => waiter.command.caller !== "late";
    const { fill } = scopeQueueOf([of("late", 50), of("early", 50)], { maySend });
    expect(seatsOf(fill(1, 40))).toEqual({ early: 40 });
  });

  it("sends a device that several wait for once, and fills the seats that this saves", () => {
    const shared = { deviceNames: names(6) };
    const { scopeQueue, fill } = scopeQueueOf([{ caller: "a", ...shared }, { caller: "b", ...shared }, of("c", 10)]);
    expect(scopeQueue.size).toBe(16);
    const devices = fill(0, 12);
    expect(devices).toHaveLength(12);
    expect(new Set(devices.map(({ name }) => name)).size).toBe(12);
    expect(scopeQueue.size).toBe(4);
  });

  it("passes over a device that was sent for another, and sends what comes after it", () => {
    const both = names(3);
    const { fill } = scopeQueueOf([
      { caller: "a", deviceNames: both },
      { caller: "b", deviceNames: [...both, "last"] },
    ]);
    expect(fill(0, 3).map(({ name }) => name)).toEqual(both);
    expect(fill(1, 3).map(({ name }) => name)).toEqual(["last"]);
  });

  it("looks no further than a share can reach: a caller with ten thousand small requests costs no more", () => {
    let looks = 0;
    const maySend = () => {
      looks++;
      return true;
    };
    const small = ["a", "b"].flatMap((caller) =>
      Array.from({ length: 10_000 }, (_, n) => ({ caller, deviceNames: [`${caller}-${n}`] })),
    );
    const { fill } = scopeQueueOf(small, { maySend });
    expect(fill(0)).toHaveLength(200);
    expect(looks).toBeLessThan(2000);
  });

  it("asks hardly more callers than it seats, however many wait (was: each of them, for every call)", () => {
    let looks = 0;
    const look = <T>(seen: T): T => {
      looks++;
      return seen;
    };
    const commands = Array.from({ length: 10_000 }, (_, n) => of(`c${n}`, 3));
    const { fill } = scopeQueueOf(commands, { maySend: () => look(true), weightOf: () => look(1) });
    fill(0); // all of them are new
    looks = 0;
    for (let call = 1; call < 11; call++) expect(fill(call)).toHaveLength(200);
    expect(looks).toBeLessThan(10 * 2 * 210);
  });

  it("does not ask callers that have left", () => {
    const asked = new Set<string>();
    const weightOf = (caller: string) => {
      asked.add(caller);
      return 1;
    };
    const { scopeQueue, entries, fill } = scopeQueueOf([of("a", 90), of("gone", 90)], { weightOf });
    scopeQueue.disown(entries[1] as QueueEntry);
    scopeQueue.remove(entries[1] as QueueEntry);
    fill(0, 20);
    expect([...asked]).toEqual(["a"]);
  });

  it("gives a waiting caller a seat before ever new names, and those one, too", () => {
    const { scopeQueue, fill } = scopeQueueOf([of("patient", 900)]);
    fill(0, 20);
    for (let call = 0; call < 20; call++) {
      const late = Array.from({ length: 9 }, (_, n) => waitIn(scopeQueue, of(`late-${call}-${n}`, 1)));
      expect(seatsOf(fill(0, 10))["patient"]).toBe(1);
      for (const entry of late) expect(entry.waiting).toBe(0);
      for (const entry of late) scopeQueue.remove(entry);
    }
  });
});

describe("ScopeQueue.waitingIn", () => {
  it("counts callers and devices of each class, whatever becomes of them", () => {
    const shared = { deviceNames: names(6) };
    const { scopeQueue, entries, fill } = scopeQueueOf([
      { caller: "a", ...shared },
      { caller: "b", priority: "bulk", ...shared },
      of("a", 5),
    ]);
    expect([scopeQueue.waitingIn("urgent"), scopeQueue.waitingIn("normal"), scopeQueue.waitingIn("bulk")]).toEqual([
      { callers: 0, devices: 0 },
      { callers: 1, devices: 11 },
      { callers: 1, devices: 6 },
    ]);
    expect(scopeQueue.disown(entries[2] as QueueEntry)).toEqual([0, 1, 2, 3, 4]);
    scopeQueue.remove(entries[2] as QueueEntry);
    expect(scopeQueue.waitingIn("normal")).toEqual({ callers: 1, devices: 6 });
    fill(0, 4);
    expect([scopeQueue.waitingIn("normal").devices, scopeQueue.waitingIn("bulk").devices, scopeQueue.size]).toEqual([
      2, 2, 2,
    ]);
    fill(0);
    expect([scopeQueue.waitingIn("normal"), scopeQueue.waitingIn("bulk"), scopeQueue.size]).toEqual([
      { callers: 0, devices: 0 },
      { callers: 0, devices: 0 },
      0,
    ]);
  });
});
