// Replicas that continue without the store, with the tokens they hold: what each may still send,
// and what must not be granted to others meanwhile. The script runs for real; the clock is set by
// hand.
import { setMaxListeners } from "node:events";
import { beforeEach, describe, expect, it } from "vitest";
import type { Limiter, Token, Wish } from "../../../../src/gateway/limiter.js";
import { createSharedLedger } from "../../../../src/limiter/shared/ledger.js";
import { mostInAnySecond } from "../../../support/arrivals.js";
import { FakeLog } from "../../../support/fake-log.js";
import { HandClock } from "../../../support/hand-clock.js";
import { LuaStore } from "../../../support/lua-store.js";

const QUOTA = 10;
const CALL_TIMEOUT_MS = 2000;
const SHARE_MS = 30_000;
/** How long others may continue without the store, and their calls be counted after that. */
const OPENING_MS = SHARE_MS + CALL_TIMEOUT_MS + 2000;
/** A replica that was never served knows of no others. */
const FIRST_OPENING_MS = CALL_TIMEOUT_MS + 2000;
const NORMAL: Wish = { priority: "normal", newcomer: false };
const never = new AbortController().signal;
setMaxListeners(0, never);

let clock: HandClock;
let store: LuaStore;
/** Replicas whose commands do not get through, and those whose answers do not. */
let cut: Set<string>;
let deaf: Set<string>;
/** Commands that were tried. */
let tried: number;
/** How long an answer takes to arrive. */
let answerMs: number;

beforeEach(() => {
  clock = new HandClock();
  store = new LuaStore(clock);
  cut = new Set();
  deaf = new Set();
  [tried, answerMs] = [0, 0];
});

function join(replica: string, callsPerSecond = QUOTA): Limiter {
  const run = async (args: readonly string[]) => {
    tried++;
    if (cut.has(replica)) throw new Error("not connected");
    const reply = store.run(args);
    if (answerMs > 0) await new Promise<void>((resolve) => clock.at(clock.now() + answerMs, resolve));
    if (deaf.has(replica)) throw new Error("no answer");
    return reply;
  };
  return createSharedLedger({
    clock,
    log: new FakeLog(),
    replica,
    callsPerSecond,
    callTimeoutMs: CALL_TIMEOUT_MS,
    onStoreLoss: "share",
    store: {
      run,
      wake: (message) => !cut.has(replica) && store.wake(message),
      onWake: (wake) => store.listen((message) => !cut.has(replica) && wake(message)),
    },
  });
}

/** Takes until a token can be sent with. */
async function send(ledger: Limiter): Promise<Token> {
  for (;;) {
    const token = await ledger.take(NORMAL, never);
    if (token.send()) return token;
  }
}

/** Sends without end, and notes when. */
function greedy(ledger: Limiter, startsMs: number[]): void {
  const next = async (): Promise<void> => {
    const token = await send(ledger);
    startsMs.push(clock.now());
    clock.at(clock.now() + 20, () => token.settle({ kind: "answered" }));
    return next();
  };
  next().catch(() => {});
}

describe("createSharedLedger with `share`", () => {
  it("goes on for thirty seconds with the tokens it holds, and with those only", async () => {
    const [a, b] = [join("a"), join("b")];
    await clock.advance(OPENING_MS + 1000);
    const [as, bs]: [number[], number[]] = [[], []];
    greedy(a, as);
    greedy(b, bs);
    await clock.advance(5000);
    cut.add("a").add("b");
    as.length = bs.length = 0;
    await clock.advance(28_000);
    // Those that were on their way back at that moment are nobody's.
    expect(as.length + bs.length).toBeGreaterThan(28 * 7.5);
    expect(as.length).toBeGreaterThan(28 * 3);
    await clock.advance(4000);
    as.length = bs.length = 0;
    await clock.advance(20_000);
    expect([as, bs]).toEqual([[], []]);
    expect(a.state()).toMatchObject({ mode: "away", obstacle: expect.any(String) });
  });

  it("leaves an idle replica a token, and gives the rest of the quota to the others", async () => {
    const [busy, idle] = [join("a"), join("b")];
    await clock.advance(OPENING_MS + 3000);
    const [as, bs]: [number[], number[]] = [[], []];
    greedy(busy, as);
    await clock.advance(10_000);
    expect(as.length).toBeGreaterThan(84); // nine of the ten tokens
    expect(as.length).toBeLessThan(91);
    cut.add("b");
    greedy(idle, bs);
    await clock.advance(20_000);
    expect(bs.length).toBeGreaterThanOrEqual(18);
    expect(bs.length).toBeLessThanOrEqual(20);
  });

  it("gives back a token for its reserve whose reply was lost (was: out until its lease ended)", async () => {
    const ledger = join("a");
    await clock.advance(FIRST_OPENING_MS - 1);
    deaf.add("a");
    await clock.advance(1500);
    deaf.clear();
    await clock.advance(3000);
    expect(ledger.state()).toMatchObject({ mode: "shared", coolingUntilMs: [] });
  });

  it("counts tokens still in use without the store when a lost ledger opens again", async () => {
    const ledger = join("a");
    await clock.advance(OPENING_MS + 1000);
    (await send(ledger)).settle({ kind: "unwritten" });
    store.empty();
    await clock.advance(2000);
    expect(ledger.state().mode).toBe("opening");
    await clock.advance(OPENING_MS - 2001);
    expect(ledger.state().mode).toBe("opening");
    await clock.advance(2000);
    expect(ledger.state().mode).toBe("shared");
  });

  it("opens a ledger as `closed` does when it is new itself: it may be the very first one", async () => {
    const fresh = join("a");
    await clock.advance(FIRST_OPENING_MS - 1);
    expect(fresh.state().mode).toBe("opening");
    await clock.advance(1000);
    expect(fresh.state().mode).toBe("shared");
  });

  it("opens a lost ledger no sooner when it lost sight of it before others did (was: while they went on)", async () => {
    const [a, b] = [join("a"), join("b")];
    await clock.advance(OPENING_MS + 1000);
    const startsMs: number[] = [];
    greedy(b, startsMs);
    await clock.advance(1000);
    cut.add("a");
    await clock.advance(20_000);
    cut = new Set(["b"]);
    store.empty();
    greedy(a, startsMs);
    await clock.advance(OPENING_MS + 10_000);
    expect(a.state().mode).toBe("shared");
    expect(mostInAnySecond(startsMs)).toBeLessThanOrEqual(QUOTA);
  });

  it("keeps nothing when it closes (was: a token in reserve, for the length of a lease)", async () => {
    const [a, b] = [join("a", 2), join("b", 2)];
    await clock.advance(OPENING_MS + 1000);
    const closing = a.close();
    await clock.advance(100);
    await closing;
    let sent = 0;
    for (let n = 0; n < 2; n++) void send(b).then(() => sent++);
    await clock.advance(3000);
    expect(sent).toBe(2);
  });

  it("joins a ledger that is open at once", async () => {
    join("a");
    await clock.advance(OPENING_MS + 1000);
    const fresh = join("b");
    await clock.advance(1);
    expect(fresh.state().mode).toBe("shared");
  });

  it.each([
    ["in time", 200],
    ["too late to be used", 400],
  ])(
    "uses each token for one call when the store comes back with a grant %s (was: a kept one for two)",
    async (_, takesMs) => {
      const a = join("a");
      await clock.advance(OPENING_MS + 1000);
      const firsts = [send(a), send(a), send(a)];
      await clock.advance(400);
      for (const first of firsts) (await first).settle({ kind: "answered" });
      cut.add("a");
      await clock.advance(3000);
      expect(a.state()).toMatchObject({ mode: "away", free: 4 });
      for (const before = tried; tried === before; ) await clock.advance(10);
      await clock.advance(900); // asked again in a tenth of a second
      [cut, answerMs] = [new Set(), takesMs];
      let sent = 0;
      for (let n = 0; n < 3; n++) void send(a).then(() => sent++);
      // The start that was paced is used while the store is being asked.
      await clock.advance(700);
      answerMs = 0;
      await clock.advance(500);
      expect(sent).toBe(3);
      expect(a.state().inFlightSinceMs).toHaveLength(3);
    },
  );

  it("uses no token that the store may have given away (was: one that it was not left, when it did not hear so)", async () => {
    const [a, b] = [join("a", 2), join("b", 2)];
    await clock.advance(OPENING_MS + 1000);
    const startsMs: number[] = [];
    // At most one token is kept in reserve, and the first replica has it.
    const used = send(b);
    await clock.advance(1300);
    startsMs.push(clock.now());
    (await used).settle({ kind: "answered" });
    await clock.advance(999);
    deaf.add("b");
    await clock.advance(100);
    greedy(a, startsMs);
    greedy(b, startsMs);
    await clock.advance(20_000);
    expect(startsMs.length).toBeGreaterThan(15);
    expect(mostInAnySecond(startsMs)).toBeLessThanOrEqual(2);
  });
});
