import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Held, ReadScheduler } from "../../../../src/grpc/transport/read-scheduler.js";

/** What a turn may take. */
const TURN_MS = 5;

class Connection implements Held {
  isHeld = false;
  hold() {
    if (this.isHeld) throw new Error("it is held already");
    this.isHeld = true;
  }
  release() {
    if (!this.isHeld) throw new Error("it is not held");
    this.isHeld = false;
  }
}

/** Turns whose time passes as reading takes, and that begin when the test says. */
function setUp() {
  const deferred: (() => void)[] = [];
  let nowMs = 0;
  const turns = new ReadScheduler({ now: () => nowMs, defer: (run) => void deferred.push(run) });
  const open = (count: number) =>
    Array.from({ length: count }, () => {
      const connection = new Connection();
      turns.opened(connection);
      return connection;
    });
  const ask = (connection: Connection, caller: string, ms = 0) => {
    nowMs += ms;
    turns.asked(connection, caller);
  };
  const turn = () => deferred.shift()?.();
  return { turns, open, ask, turn, turnsDue: () => deferred.length };
}

const held = (connections: readonly Connection[]) => connections.map(({ isHeld }) => isHeld);

describe("ReadScheduler", () => {
  it("holds nobody while a turn takes little", () => {
    const { open, ask, turn, turnsDue } = setUp();
    const [a, b] = open(2) as [Connection, Connection];
    ask(a, "a");
    ask(b, "b", TURN_MS - 1);
    expect(held([a, b])).toEqual([false, false]);
    turn();
    ask(a, "a", TURN_MS); // another turn
    expect(held([a, b])).toEqual([false, false]);
    turn();
    expect(turnsDue()).toBe(0);
  });

  it("holds everybody once a turn has taken long, and reads one in each of the next", () => {
    const { open, ask, turn, turnsDue } = setUp();
    const all = open(3);
    all.forEach((connection, n) => void ask(connection, `caller-${n}`));
    ask(all[2] as Connection, "caller-2", TURN_MS);
    expect(held(all)).toEqual([true, true, true]);
    turn();
    expect(held(all)).toEqual([false, true, true]);
    turn();
    turn();
    expect(held(all)).toEqual([false, false, false]);
    turn();
    expect(turnsDue()).toBe(0);
  });

  it("holds those released in earlier turns too, while others still wait (was: read them all in one turn)", () => {
    const { open, ask, turn } = setUp();
    const all = open(4);
    for (const connection of all) ask(connection, "flood");
    ask(all[0] as Connection, "flood", TURN_MS);
    for (let n = 0; n < 3; n++) turn();
    expect(held(all)).toEqual([false, false, false, true]);
    ask(all[0] as Connection, "flood", TURN_MS);
    expect(held(all)).toEqual([true, true, true, true]);
  });

  it("reads whoever brings more behind the others again", () => {
    const { open, ask, turn } = setUp();
    const [a, b] = open(2) as [Connection, Connection];
    ask(a, "a");
    ask(b, "b", TURN_MS);
    turn();
    ask(a, "a");
    ask(a, "a"); // what came with the same read
    expect(held([a, b])).toEqual([true, true]);
    turn();
    expect(held([a, b])).toEqual([true, false]);
    turn();
    expect(held([a, b])).toEqual([false, false]);
  });

  it("reads callers in turns, however many connections one of them has", () => {
    const { open, ask, turn } = setUp();
    const flood = open(200);
    const [small] = open(1) as [Connection];
    for (const connection of flood) ask(connection, "flood");
    ask(small, "small", TURN_MS);
    turn();
    turn();
    expect(small.isHeld).toBe(false);
    ask(small, "small");
    turn();
    turn();
    expect(small.isHeld).toBe(false);
    expect(flood.filter(({ isHeld }) => isHeld)).toHaveLength(198);
  });

  it("reads connections that have asked for nothing yet in a line of their own", () => {
    const { open, ask, turn } = setUp();
    const strangers = open(50);
    const [known] = open(1) as [Connection];
    ask(known, "known");
    ask(known, "known", TURN_MS);
    turn();
    turn();
    expect(known.isHeld).toBe(false);
    expect(strangers.filter(({ isHeld }) => isHeld)).toHaveLength(49);
  });

  it("keeps a connection in line when it becomes known who asks on it (was: it stayed unread for ever)", () => {
    const { open, ask, turn, turnsDue } = setUp();
    const [flood, verified] = open(2) as [Connection, Connection];
    ask(flood, "flood");
    ask(flood, "flood", TURN_MS);
    turn();
    expect(held([flood, verified])).toEqual([false, true]);
    ask(verified, "verified");
    expect(verified.isHeld).toBe(true);
    turn();
    expect(verified.isHeld).toBe(false);
    turn();
    expect(turnsDue()).toBe(0);
  });

  it("forgets who has gone", () => {
    const { turns, open, ask, turn, turnsDue } = setUp();
    const [gone, stays] = open(2) as [Connection, Connection];
    ask(gone, "a");
    ask(gone, "a", TURN_MS);
    turns.closed(gone);
    turn();
    expect(stays.isHeld).toBe(false);
    turn();
    expect(turnsDue()).toBe(0);
    ask(gone, "b"); // what it asked, known only now for whom
    ask(stays, "a", TURN_MS);
    turn();
    expect(stays.isHeld).toBe(false); // next in turn
  });

  it("reads everybody again within as many turns as there are callers and one, whatever comes", () => {
    const step = fc.oneof(
      fc.record({ does: fc.constant("ask" as const), who: fc.nat(11), ms: fc.nat(6) }),
      fc.record({ does: fc.constant("open" as const), who: fc.nat(11), ms: fc.constant(0) }),
      fc.record({ does: fc.constant("close" as const), who: fc.nat(11), ms: fc.constant(0) }),
      fc.record({ does: fc.constant("turn" as const), who: fc.constant(0), ms: fc.constant(0) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const { turns, open, ask, turn, turnsDue } = setUp();
        const callers = ["a", "b", "c"];
        const all: Connection[] = open(4);
        for (const { does, who, ms } of steps) {
          const connection = all[who % all.length] as Connection;
          if (does === "open") all.push(...open(1));
          else if (does === "turn") turn();
          else if (does === "close" && all.length > 1) turns.closed(all.splice(who % all.length, 1)[0] as Connection);
          // Also of one that is held: what was read with its last request, or what it asked long ago and is known only
          // now for whom.
          else if (does === "ask") ask(connection, callers[who % 3] as string, ms);
        }
        // A caller with one connection that always has more to say is read in every fourth turn: three callers, and new
        // ones.
        const [always] = open(1) as [Connection];
        ask(always, "always");
        let waited = 0;
        for (let n = 0; n < 40 && turnsDue() > 0; n++) {
          turn();
          for (const connection of all) if (!connection.isHeld) ask(connection, callers[n % 3] as string, 1);
          waited = always.isHeld ? waited + 1 : 0;
          expect(waited).toBeLessThanOrEqual(callers.length + 1);
          if (!always.isHeld) ask(always, "always", 1);
        }
        for (let n = 0; n < 200 && turnsDue() > 0; n++) turn();
        expect(turnsDue()).toBe(0); // it comes to rest
        expect(all.some(({ isHeld }) => isHeld)).toBe(false);
      }),
    );
  });
});
