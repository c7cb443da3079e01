// What every ledger must do, in real time because it rests on the timers of libraries and servers:
// against an upstream at the end of a jittery network, no second holds more than N arrivals, and the
// rate comes close to what the rule allows.
import { describe, expect, it } from "vitest";
import { sleepUntil, systemClock } from "../../src/clock.js";
import type { Limiter } from "../../src/gateway/limiter.js";
import { createInProcessLedger } from "../../src/limiter/in-process.js";
import { mostInAnySecond } from "../support/arrivals.js";

const CALLS_PER_SECOND = 20;
const CALLS = 70;
const JITTER_MS = 80;

const ledgers: Record<string, () => Promise<Limiter>> = {
  "in process": async () =>
    createInProcessLedger({ clock: systemClock, callsPerSecond: CALLS_PER_SECOND, callTimeoutMs: 1000 }),
};

describe.each(Object.entries(ledgers))("a ledger %s", (_, create) => {
  it("lets no second hold more than N arrivals, however calls are delayed, and uses what it may", async () => {
    const limiter = await create();
    const arrivals: number[] = [];
    let answerMs = 0;
    const wait = (ms: number) => sleepUntil(systemClock, systemClock.now() + ms);
    const call = async () => {
      const token = await limiter.take({ priority: "normal", newcomer: false }, new AbortController().signal);
      expect(token.send()).toBe(true);
      const sentMs = systemClock.now();
      return async () => {
        await wait(Math.random() * JITTER_MS);
        arrivals.push(systemClock.now());
        await wait(Math.random() * JITTER_MS);
        answerMs += (systemClock.now() - sentMs) / CALLS;
        token.settle({ kind: "answered" });
      };
    };
    const underWay: Promise<void>[] = [];
    for (let n = 0; n < CALLS; n++) underWay.push((await call())());
    await Promise.all(underWay);
    await limiter.close();

    expect(arrivals).toHaveLength(CALLS);
    expect(mostInAnySecond(arrivals)).toBeLessThanOrEqual(CALLS_PER_SECOND);
    const spanMs = Math.max(...arrivals) - Math.min(...arrivals);
    const idealMs = ((CALLS - 1) * (1000 + answerMs)) / CALLS_PER_SECOND;
    // Loose, because this is no benchmark: a ledger that leaks a token or waits a round is far off.
    expect(spanMs).toBeLessThan(idealMs * 1.5);
  });
});
