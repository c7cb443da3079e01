// The gain of tokens that return early, in simulated time: the rate, the arrivals in the worst
// second, and how many calls are refused before the assertion is given up.
import { setMaxListeners } from "node:events";
import { describe, expect, it } from "vitest";
import { transit } from "../../src/emulator/faults/transit.js";
import { createQuota } from "../../src/emulator/quota.js";
import type { TokenEnd } from "../../src/gateway/limiter.js";
import { EarlyReturn, FALLBACK_MS } from "../../src/limiter/early-return.js";
import { RoundTrips } from "../../src/limiter/round-trips.js";
import { createSharedLedger } from "../../src/limiter/shared/ledger.js";
import { mostInAnySecond } from "../support/arrivals.js";
import { FakeLog } from "../support/fake-log.js";
import { HandClock } from "../support/hand-clock.js";
import { LuaStore } from "../support/lua-store.js";
import { seededRandom } from "../support/seeded-random.js";

const QUOTA = 10;
const LATENCY_MS = 20;
const JITTER_MS = 20;
interface Upstream {
  readonly counts: "arrived" | "answered";
  /** Work for a call of 200 devices; smaller ones take less. */
  readonly workMs: number;
  readonly devices: () => number;
}

/** Replicas that always have work, for so long. */
async function run(forMs: number, upstream: Upstream, seed = 1, replicas = 1) {
  const random = seededRandom(seed);
  const clock = new HandClock();
  const way = () => transit(LATENCY_MS, JITTER_MS, random);
  const pause = (ms: number) => new Promise<void>((resolve) => void clock.at(clock.now() + ms, resolve));
  const measure = async () => {
    const { outwardMs, backMs } = way();
    await pause(outwardMs + backMs);
    return outwardMs + backMs;
  };
  const lua = new LuaStore(clock);
  const joined = Array.from({ length: replicas }, (_, n) => {
    const log = new FakeLog();
    const early = new EarlyReturn({ clock, log, roundTrips: new RoundTrips({ clock, measure }) });
    const ledger = createSharedLedger({
      clock,
      log,
      early,
      replica: `r${n}`,
      callsPerSecond: QUOTA,
      callTimeoutMs: 1000,
      onStoreLoss: "closed",
      store: {
        run: async (args) => lua.run(args),
        wake: (message) => lua.wake(message),
        onWake: (wake) => lua.listen(wake),
      },
    });
    return { log, early, ledger };
  });
  const quota = createQuota("sliding", QUOTA);
  const countedMs: number[] = [];
  let refused = 0;

  const call = async (): Promise<TokenEnd> => {
    const devices = upstream.devices();
    const { outwardMs, backMs } = way();
    const sentMs = clock.now();
    await pause(outwardMs);
    const workMs = (upstream.workMs * devices) / 200;
    if (upstream.counts === "answered") await pause(workMs);
    countedMs.push(clock.now());
    const { admitted } = quota.admit(clock.now());
    if (admitted && upstream.counts === "arrived") await pause(workMs);
    await pause(backMs);
    if (!admitted) refused++;
    return admitted ? { kind: "answered", accepted: { devices, waitMs: clock.now() - sentMs } } : { kind: "throttled" };
  };
  const stop = new AbortController();
  setMaxListeners(0, stop.signal);
  const work = async ({ ledger }: (typeof joined)[number]) => {
    while (!stop.signal.aborted) {
      const token = await ledger.take({ priority: "normal", newcomer: false }, stop.signal);
      if (token.send()) void call().then((end) => token.settle(end));
    }
  };
  for (const each of joined) void work(each).catch(() => {});
  await clock.advance(forMs);
  stop.abort();
  const closing = Promise.all(joined.map(({ ledger }) => ledger.close()));
  await clock.advance(5000);
  await closing;
  const rateSince = (learnedMs: number) => {
    const learned = countedMs.filter((ms) => ms >= learnedMs);
    return (learned.length - 1) / (((learned.at(-1) as number) - (learned[0] as number)) / 1000);
  };
  const early = joined.map((each) => each.early.state);
  return { rateSince, worst: mostInAnySecond(countedMs), refused, early, logs: joined.map(({ log }) => log) };
}

describe("createSharedLedger", () => {
  /** Each of several replicas has fewer answers to learn from. */
  it.each([
    [0, 1, 15_000],
    [80, 1, 15_000],
    [230, 1, 15_000],
    [0, 3, 30_000],
    [80, 3, 30_000],
    [230, 3, 30_000],
  ])(
    "makes 9.5 calls a second with %i ms of work on %i replicas after %i ms, and at most 10 in any second",
    async (workMs, replicas, learnedMs) => {
      const upstream = { counts: "arrived", workMs, devices: () => 200 } as const;
      const { rateSince, worst, refused } = await run(learnedMs + 30_000, upstream, 1, replicas);
      expect(rateSince(learnedMs)).toBeGreaterThanOrEqual(9.5);
      expect(worst).toBe(QUOTA);
      expect(refused).toBe(0);
    },
  );

  it.each([
    [1, 1],
    [1, 2],
    [1, 3],
    [3, 1],
    [3, 2],
    [3, 3],
  ])(
    "gives up early returns of %i replicas after few refusals of an upstream that counts answers (seed %i)",
    async (replicas, seed) => {
      const random = seededRandom(seed);
      const devices = () => (random() < 0.5 ? 200 : 20);
      const upstream = { counts: "answered", workMs: 230, devices } as const;
      const { refused, early, logs } = await run(60_000, upstream, seed, replicas);
      expect(refused).toBeGreaterThan(0);
      expect(refused).toBeLessThanOrEqual(4);
      for (const { hiddenMs, fallbackUntilMs } of early) {
        expect(hiddenMs).toBe(0);
        expect(fallbackUntilMs).toBeGreaterThan(FALLBACK_MS);
      }
      for (const { lines } of logs) expect(lines.filter(({ level }) => level === "warn")).toHaveLength(1);
    },
  );
});
