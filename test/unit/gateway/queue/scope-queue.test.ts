import { describe, expect, it } from "vitest";
import type { Command } from "../../../../src/gateway/command.js";
import type { Seat } from "../../../../src/gateway/queue/batch.js";
import { Place } from "../../../../src/gateway/queue/queue-entry.js";
import { type Boarding, Lane } from "../../../../src/gateway/queue/scope-queue.js";
import { aWaiter, names, SCOPE } from "../../../support/fake-command.js";
import { ROOM } from "../../../support/fake-upstream.js";

function laneOf(commands: readonly Partial<Command>[], boarding: Partial<Boarding> = {}) {
  const lane = new Lane("key", SCOPE);
  const places = commands.map((command) => {
    const place = new Place(aWaiter(command), lane, 0);
    for (const name of place.waiter.command.deviceNames) lane.own(place, name);
    lane.add(place);
    return place;
  });
  const fill = (turn: number, seats = 200) => {
    const room = { ...ROOM, devices: seats };
    const filled = lane.fill(places[turn] as Place, { room, weightOf: () => 1, mayBoard: () => true, ...boarding });
    for (const place of places) if (place.waiting === 0) lane.remove(place);
    return filled;
  };
  return { lane, places, fill };
}

/** Seats by the caller who pays. */
function seatsOf(seats: readonly Seat[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { owners } of seats) {
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

describe("Lane.fill", () => {
  it("gives seats by class, that of whose turn it is first", () => {
    const commands = [of("u", 4, { priority: "urgent" }), of("n", 4), of("b", 4, { priority: "bulk" })];
    expect(seatsOf(laneOf(commands).fill(0, 6))).toEqual({ u: 4, n: 2 });
    expect(seatsOf(laneOf(commands).fill(2, 6))).toEqual({ b: 4, u: 2 });
  });

  it("shares the seats of a class by weight, and leaves what one does not want to the others", () => {
    const weightOf = (caller: string) => (caller === "heavy" ? 3 : 1);
    const { fill } = laneOf([of("heavy", 500), of("light", 500), of("small", 5)], { weightOf });
    expect(seatsOf(fill(1, 200))).toEqual({ heavy: 146, light: 49, small: 5 });
  });

  it("gives whose turn it is a seat, however many others are there", () => {
    const { fill } = laneOf(Array.from({ length: 30 }, (_, n) => of(`c${n}`, 9)));
    expect(seatsOf(fill(29, 10))).toMatchObject({ c29: 1 });
  });

  it("owes what it cannot give in whole seats to the next call (was: the first to come had it every time)", () => {
    const { fill } = laneOf(Array.from({ length: 15 }, (_, n) => of(`c${n}`, 90)));
    const had: Record<string, number> = {};
    for (let call = 0; call < 30; call++) {
      for (const [caller, seats] of Object.entries(seatsOf(fill(call % 15, 10))))
        had[caller] = (had[caller] ?? 0) + seats;
    }
    for (const seats of Object.values(had)) expect(Math.abs(seats - 20)).toBeLessThanOrEqual(2);
    expect(Object.keys(had)).toHaveLength(15);
  });

  it("does not let rounding starve the light ones", () => {
    const weightOf = (caller: string) => (caller.startsWith("heavy") ? 5 : 1);
    const heavy = Array.from({ length: 10 }, (_, n) => of(`heavy${n}`, 900));
    const light = Array.from({ length: 30 }, (_, n) => of(`light${n}`, 900));
    const { fill } = laneOf([...heavy, ...light], { weightOf });
    let ofLight = 0;
    for (let call = 0; call < 80; call++) {
      const seats = seatsOf(fill(0, 20));
      for (const [caller, count] of Object.entries(seats)) if (caller.startsWith("light")) ofLight += count;
    }
    // Three eighths of 1,600 seats.
    expect(ofLight).toBeGreaterThan(570);
    expect(ofLight).toBeLessThan(630);
  });

  it("does not count on those who may not board", () => {
    const mayBoard = ({ waiter }: Place) => waiter.command.caller !== "late";
    const { fill } = laneOf([of("late", 50), of("early", 50)], { mayBoard });
    expect(seatsOf(fill(1, 40))).toEqual({ early: 40 });
  });

  it("sends a device that several wait for once, and fills the seats that this saves", () => {
    const shared = { deviceNames: names(6) };
    const { lane, fill } = laneOf([{ caller: "a", ...shared }, { caller: "b", ...shared }, of("c", 10)]);
    expect(lane.size).toBe(16);
    const seats = fill(0, 12);
    expect(seats).toHaveLength(12);
    expect(new Set(seats.map(({ name }) => name)).size).toBe(12);
    expect(lane.size).toBe(4);
  });

  it("passes over a device that was sent for another, and sends what comes after it", () => {
    const both = names(3);
    const { fill } = laneOf([
      { caller: "a", deviceNames: both },
      { caller: "b", deviceNames: [...both, "last"] },
    ]);
    expect(fill(0, 3).map(({ name }) => name)).toEqual(both);
    expect(fill(1, 3).map(({ name }) => name)).toEqual(["last"]);
  });

  it("looks no further than a share can reach: a caller with ten thousand small requests costs no more", () => {
    let looks = 0;
    const mayBoard = () => {
      looks++;
      return true;
    };
    const small = ["a", "b"].flatMap((caller) =>
      Array.from({ length: 10_000 }, (_, n) => ({ caller, deviceNames: [`${caller}-${n}`] })),
    );
    const { fill } = laneOf(small, { mayBoard });
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
    const { fill } = laneOf(commands, { mayBoard: () => look(true), weightOf: () => look(1) });
    fill(0); // all of them are new
    looks = 0;
    for (let call = 1; call < 11; call++) expect(fill(call)).toHaveLength(200);
    expect(looks).toBeLessThan(10 * 2 * 210);
  });

  it("asks nobody who has gone", () => {
    const asked = new Set<string>();
    const weightOf = (caller: string) => {
      asked.add(caller);
      return 1;
    };
    const { lane, places, fill } = laneOf([of("a", 90), of("gone", 90)], { weightOf });
    lane.disown(places[1] as Place);
    lane.remove(places[1] as Place);
    fill(0, 20);
    expect([...asked]).toEqual(["a"]);
  });

  it("gives who waits a seat before ever new names, and those one, too", () => {
    const { lane, fill } = laneOf([of("patient", 900)]);
    fill(0, 20);
    for (let call = 0; call < 20; call++) {
      const late = Array.from({ length: 9 }, (_, n) => {
        const place = new Place(aWaiter(of(`late-${call}-${n}`, 1)), lane, 0);
        for (const name of place.waiter.command.deviceNames) lane.own(place, name);
        lane.add(place);
        return place;
      });
      expect(seatsOf(fill(0, 10))["patient"]).toBe(1);
      for (const place of late) expect(place.waiting).toBe(0);
      for (const place of late) lane.remove(place);
    }
  });
});

describe("Lane.crowd", () => {
  it("counts callers and devices of each class, whatever becomes of them", () => {
    const shared = { deviceNames: names(6) };
    const { lane, places, fill } = laneOf([
      { caller: "a", ...shared },
      { caller: "b", priority: "bulk", ...shared },
      of("a", 5),
    ]);
    expect([lane.crowd("urgent"), lane.crowd("normal"), lane.crowd("bulk")]).toEqual([
      { callers: 0, devices: 0 },
      { callers: 1, devices: 11 },
      { callers: 1, devices: 6 },
    ]);
    expect(lane.disown(places[2] as Place)).toEqual([0, 1, 2, 3, 4]);
    lane.remove(places[2] as Place);
    expect(lane.crowd("normal")).toEqual({ callers: 1, devices: 6 });
    fill(0, 4);
    expect([lane.crowd("normal").devices, lane.crowd("bulk").devices, lane.size]).toEqual([2, 2, 2]);
    fill(0);
    expect([lane.crowd("normal"), lane.crowd("bulk"), lane.size]).toEqual([
      { callers: 0, devices: 0 },
      { callers: 0, devices: 0 },
      0,
    ]);
  });
});
