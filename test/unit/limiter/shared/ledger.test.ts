// The shared ledger step by step, with the store's script run for real and time turned by hand.
import { setMaxListeners } from "node:events";
import { beforeEach, describe, expect, it } from "vitest";
import type { Limiter, Token, Wish } from "../../../../src/gateway/limiter.js";
import { createSharedLedger, type SharedOptions } from "../../../../src/limiter/shared/ledger.js";
import { FakeLog } from "../../../support/fake-log.js";
import { HandClock } from "../../../support/hand-clock.js";
import { LuaStore } from "../../../support/lua-store.js";

const QUOTA = 10;
const CALL_TIMEOUT_MS = 2000;
const OPENING_MS = CALL_TIMEOUT_MS + 2000;
const NORMAL: Wish = { priority: "normal", newcomer: false };
const never = new AbortController().signal;
setMaxListeners(0, never);

let clock: HandClock;
let store: LuaStore;
let log: FakeLog;
/** Replicas whose commands do not get through. */
let cut: Set<string>;
/** Replicas that are gone before they can publish a wake-up. */
let unpublished: Set<string>;
/** Answers wait until this is resolved. */
let slow: Promise<void> | undefined;

beforeEach(() => {
  clock = new HandClock();
  store = new LuaStore(clock);
  log = new FakeLog();
  cut = new Set();
  unpublished = new Set();
  slow = undefined;
});

function join(replica: string, options: Partial<SharedOptions> = {}): Limiter {
  return createSharedLedger({
    clock,
    log,
    replica,
    callsPerSecond: QUOTA,
    callTimeoutMs: CALL_TIMEOUT_MS,
    onStoreLoss: "closed",
    store: {
      run: async (args) => {
        if (cut.has(replica)) throw new Error("not connected");
        const reply = store.run(args);
        await slow;
        return reply;
      },
      wake: (message) => !unpublished.has(replica) && store.wake(message),
      onWake: (wake) => store.listen(wake),
    },
    ...options,
  });
}

async function opened(...replicas: string[]): Promise<Limiter[]> {
  const ledgers = replicas.map((replica) => join(replica));
  await clock.advance(OPENING_MS + 1000);
  return ledgers;
}

/** Takes without end; says who was granted a token, in order. */
function greedy(ledger: Limiter, name: string, grants: string[], wish: Wish = NORMAL, answerMs = 20): void {
  const next = async (): Promise<void> => {
    const token = await ledger.take(wish, never);
    if (token.send()) {
      grants.push(name);
      clock.at(clock.now() + answerMs, () => token.settle({ kind: "answered" }));
    }
    return next();
  };
  next().catch(() => {});
}

async function take(ledger: Limiter, wish = NORMAL): Promise<Token> {
  const taking = ledger.take(wish, never);
  await clock.advance(1000 / QUOTA);
  return taking;
}

describe("createSharedLedger", () => {
  it("opens for as long as a call of a predecessor can still be counted, and says so", async () => {
    const ledger = join("a");
    const grants: string[] = [];
    greedy(ledger, "a", grants);
    await clock.advance(OPENING_MS - 1);
    expect(ledger.state()).toMatchObject({ mode: "opening", free: 0, obstacle: expect.stringContaining("opening") });
    expect(grants).toEqual([]);
    await clock.advance(1);
    // Before it has heard from the store again, too (was: all tokens out for half a minute more).
    expect(ledger.state().coolingUntilMs).toEqual([]);
    await clock.advance(1);
    expect(grants).toEqual(["a"]);
    expect(ledger.state()).toMatchObject({ mode: "shared", replicas: 1 });
    expect(ledger.state().obstacle).toBeUndefined();
  });

  it("asks for a token that was wanted only while it opened (was: never, if nobody else asked)", async () => {
    const ledger = join("a");
    await clock.advance(OPENING_MS / 2);
    expect(ledger.state().mode).toBe("opening");
    let isGranted = false;
    void ledger.take(NORMAL, never).then((token) => {
      isGranted = true;
      token.settle({ kind: "unwritten" });
    });
    await clock.advance(OPENING_MS / 2 + 1);
    expect(isGranted).toBe(true);
  });

  it("serves a request that came before the store could be reached (was: no request of any replica, ever)", async () => {
    const [a] = (await opened("a")) as [Limiter];
    cut.add("b");
    const b = join("b");
    const grants: string[] = [];
    greedy(b, "b", grants);
    await clock.advance(1000);
    expect(grants).toEqual([]);
    cut.delete("b");
    await clock.advance(2000);
    expect(grants).toContain("b");
    greedy(a, "a", grants);
    await clock.advance(2000);
    expect(grants).toContain("a");
  });

  it("asks at once for a taker that comes while the wish of one that left is taken back (was: 0.5 s later)", async () => {
    const [ledger] = (await opened("a")) as [Limiter];
    (await ledger.take(NORMAL, never)).send();
    const leaving = new AbortController();
    ledger.take(NORMAL, leaving.signal).catch(() => {});
    await clock.advance(10); // the store knows of the wish
    let answer = () => {};
    slow = new Promise((resolve) => {
      answer = resolve;
    });
    leaving.abort();
    await clock.advance(1);
    let isGranted = false;
    void ledger.take(NORMAL, never).then(() => {
      isGranted = true;
    });
    slow = undefined;
    answer();
    await clock.advance(1000 / QUOTA);
    expect(isGranted).toBe(true);
  });

  it("lets replicas take turns, and more urgent ones go first except every tenth time", async () => {
    const [a, b, c] = (await opened("a", "b", "c")) as [Limiter, Limiter, Limiter];
    const grants: string[] = [];
    greedy(a, "a", grants);
    greedy(b, "b", grants);
    await clock.advance(10_000);
    const [as, bs] = ["a", "b"].map((name) => grants.filter((each) => each === name).length) as [number, number];
    expect(as + bs).toBeGreaterThan(95);
    expect(Math.abs(as - bs)).toBeLessThanOrEqual(1);

    grants.length = 0;
    greedy(c, "c", grants, { priority: "urgent", newcomer: false });
    await clock.advance(10_000);
    const urgent = grants.filter((each) => each === "c").length;
    expect(grants.length - urgent).toBeGreaterThanOrEqual(9);
    expect(grants.length - urgent).toBeLessThanOrEqual(11);
  });

  it("spaces calls evenly after a pause in which nobody asked", async () => {
    const [a, b] = (await opened("a", "b")) as [Limiter, Limiter];
    await take(a);
    await clock.advance(700);
    await a.take(NORMAL, never);
    const startedMs = clock.now();
    let nextMs = 0;
    void b.take(NORMAL, never).then(() => {
      nextMs = clock.now();
    });
    await clock.advance(1000 / QUOTA - 1);
    expect(nextMs).toBe(0);
    await clock.advance(2);
    expect(nextMs).toBeGreaterThanOrEqual(startedMs + 1000 / QUOTA);
  });

  it("spaces the calls of all replicas by the time that a token is out, a second and a typical answer", async () => {
    const starts: number[] = [];
    const run = async (ledger: Limiter): Promise<void> => {
      const token = await ledger.take(NORMAL, never);
      if (token.send()) {
        starts.push(clock.now());
        clock.at(clock.now() + 150, () => token.settle({ kind: "answered" }));
      }
      return run(ledger);
    };
    for (const ledger of await opened("a", "b")) run(ledger).catch(() => {});
    await clock.advance(30_000);
    const gaps = starts.slice(1).map((atMs, n) => atMs - (starts[n] as number));
    const evenMs = 1150 / QUOTA;
    expect(Math.max(...gaps.slice(-100))).toBeLessThan(evenMs + 15);
    expect(Math.min(...gaps.slice(-100))).toBeGreaterThan(evenMs - 15);
  });

  it("sends about three commands a call, and one a second when there is nothing to do", async () => {
    const ledgers = await opened("a", "b", "c");
    store.commands = 0;
    await clock.advance(10_000);
    expect(store.commands).toBeLessThanOrEqual(3 * 10 + 3);
    const grants: string[] = [];
    for (const [n, ledger] of ledgers.entries()) greedy(ledger, String(n), grants);
    store.commands = 0;
    await clock.advance(20_000);
    expect(grants.length).toBeGreaterThan(190);
    expect(store.commands / grants.length).toBeLessThan(4.5);
  });

  it("does not send on a grant that took longer than the fence to arrive, and gives it back", async () => {
    const [ledger] = (await opened("a")) as [Limiter];
    let answer = () => {};
    slow = new Promise((resolve) => {
      answer = resolve;
    });
    const taking = ledger.take(NORMAL, never);
    await clock.advance(251);
    answer();
    slow = undefined;
    await clock.advance(0);
    expect((await taking).send()).toBe(false);
    expect(log.lines.at(-1)).toMatchObject({ level: "warn", fields: { tookMs: 251 } });
    await clock.advance(0);
    await clock.advance(1000); // it hears of what is free
    expect(ledger.state().free).toBe(QUOTA);
  });

  it("loses nothing when a replica dies before it can wake the next, which then asks by itself", async () => {
    const [a, b] = (await opened("a", "b")) as [Limiter, Limiter];
    const held: Token[] = [];
    for (let n = 0; n < QUOTA; n++) held.push(await take(a));
    let grantedMs = 0;
    void b.take(NORMAL, never).then(() => {
      grantedMs = clock.now();
    });
    await clock.advance(700); // it waits, and the store knows
    expect(grantedMs).toBe(0);
    unpublished.add("a");
    held[0]?.settle({ kind: "unwritten" });
    const freedMs = clock.now();
    await clock.advance(0); // the store has it back; the wake-up is lost with its replica
    cut.add("a");
    await clock.advance(500);
    expect(grantedMs).toBeGreaterThan(freedMs);
  });

  it("goes on, more slowly, when every wake-up is lost", async () => {
    const [a, b] = (await opened("a", "b")) as [Limiter, Limiter];
    for (const name of ["a", "b"]) unpublished.add(name);
    const grants: string[] = [];
    greedy(a, "a", grants);
    greedy(b, "b", grants);
    await clock.advance(10_000);
    expect(grants.length).toBeGreaterThan(30);
    expect(new Set(grants)).toEqual(new Set(["a", "b"]));
  });

  it("has the token of a replica that was killed back when its lease is over, and not before", async () => {
    const [a, b] = (await opened("a", "b")) as [Limiter, Limiter];
    for (let n = 0; n < QUOTA; n++) (await take(a)).send();
    cut.add("a");
    const grants: string[] = [];
    greedy(b, "b", grants);
    const sinceFirstMs = (QUOTA * 1000) / QUOTA;
    await clock.advance(OPENING_MS + 250 - sinceFirstMs - 1);
    expect(grants).toEqual([]);
    await clock.advance(2000);
    expect(grants.length).toBeGreaterThan(0);
  });

  it("opens again when the store has lost the ledger, was restarted with it, or has moved its clock", async () => {
    const [ledger] = (await opened("a")) as [Limiter];
    const blows = [
      () => store.empty(),
      () => {
        store.save();
        store.restart();
      },
      () => {
        store.skewMs += 5000;
      },
      () => {
        store.skewMs -= 5000;
      },
    ];
    for (const blow of blows) {
      expect(ledger.state().mode).toBe("shared");
      blow();
      await clock.advance(2001);
      expect(ledger.state().mode).toBe("opening");
      await clock.advance(OPENING_MS);
    }
  });

  it("does not take a step of half a second, or a slow answer, for a moved clock", async () => {
    const [ledger] = (await opened("a")) as [Limiter];
    store.skewMs += 500;
    await clock.advance(3000);
    store.skewMs -= 500;
    await clock.advance(3000);
    expect(ledger.state().mode).toBe("shared");
  });

  it("opens again when another store has been in use meanwhile, and not when it is that store's successor", async () => {
    const [ledger] = (await opened("a")) as [Limiter];
    const [first, second] = [store, new LuaStore(clock)];
    store = second;
    await clock.advance(1000);
    expect(ledger.state().mode).toBe("opening"); // the second knows nothing
    await clock.advance(OPENING_MS);
    expect(ledger.state().mode).toBe("shared");
    store = first;
    await clock.advance(1000);
    expect(ledger.state().mode).toBe("opening"); // the first knows nothing of what the second granted
  });

  it("waits for the store when it is away, and says what is wrong", async () => {
    const [ledger] = (await opened("a")) as [Limiter];
    const grants: string[] = [];
    greedy(ledger, "a", grants);
    await clock.advance(500);
    cut.add("a");
    await clock.advance(3000);
    const before = grants.length;
    await clock.advance(20_000);
    expect(grants).toHaveLength(before);
    expect(ledger.state()).toMatchObject({ mode: "away", obstacle: expect.stringContaining("cannot be reached") });
    cut.clear();
    await clock.advance(4000); // its tokens have come back by now
    expect(grants.length).toBeGreaterThan(before + 25);
    expect(log.lines.map(({ level }) => level)).toEqual(["info", "warn", "info"]);
  });

  it("names no more tokens to the store than can be leased, however long it was away (was: one for each attempt)", async () => {
    let longest = 0;
    const options = {
      run: async (args: readonly string[]) => {
        longest = Math.max(longest, args.length);
        if (cut.has("a")) throw new Error("not connected");
        return store.run(args);
      },
      wake: (message: string) => store.wake(message),
      onWake: (wake: (message: string) => void) => store.listen(wake),
    };
    const ledger = join("a", { store: options });
    const grants: string[] = [];
    greedy(ledger, "a", grants);
    await clock.advance(OPENING_MS + 1000);
    cut.add("a");
    await clock.advance(3_000_000); // with 125,000 names, a command could not be made any more
    expect(longest).toBeLessThan(2100);
    cut.clear();
    const before = grants.length;
    await clock.advance(4000);
    expect(grants.length).toBeGreaterThan(before + 25);
  });

  it("gives back what is back within a second when it closes, and leaves no timer behind", async () => {
    const [a, b] = (await opened("a", "b")) as [Limiter, Limiter];
    const token = await take(a);
    token.send();
    token.settle({ kind: "answered" });
    const closing = a.close();
    await clock.advance(1010);
    await closing;
    await clock.advance(1000);
    expect(b.state()).toMatchObject({ free: QUOTA });
    const closed = b.close();
    await clock.advance(1010);
    await closed;
    expect(clock.armed).toBe(0);
  });
});
