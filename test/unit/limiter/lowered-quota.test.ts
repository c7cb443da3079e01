// Replicas that were configured with more calls a second than the account has, and their successors
// with fewer: the ledger between them still holds what the former knew.
import { describe, expect, it } from "vitest";
import type { Limiter, Wish } from "../../../src/gateway/limiter.js";
import { createSharedLedger } from "../../../src/limiter/shared/ledger.js";
import { FakeLog } from "../../support/fake-log.js";
import { HandClock } from "../../support/hand-clock.js";
import { LuaStore } from "../../support/lua-store.js";

const BEFORE = 20;
const AFTER = 10;
const NORMAL: Wish = { priority: "normal", newcomer: false };
const never = new AbortController().signal;

describe("createSharedLedger with a lower quota than its predecessor", () => {
  it("leaves one token to find out with (was: all withheld, and nothing sent for minutes)", async () => {
    const clock = new HandClock();
    const store = new LuaStore(clock);
    const join = (replica: string, callsPerSecond: number): Limiter =>
      createSharedLedger({
        clock,
        log: new FakeLog(),
        replica,
        callsPerSecond,
        callTimeoutMs: 2000,
        onStoreLoss: "closed",
        store: {
          run: async (args) => store.run(args),
          wake: (message) => store.wake(message),
          onWake: (wake) => store.listen(wake),
        },
      });
    const before = join("before", BEFORE);
    await clock.advance(5000);
    for (let n = 0; n < AFTER + 2; n++) {
      const taking = before.take(NORMAL, never);
      await clock.advance(200);
      const token = await taking;
      token.send();
      token.settle({ kind: "throttled", retryAfterMs: 1 });
    }
    await clock.advance(1);
    expect(before.state().withheld).toBeGreaterThanOrEqual(AFTER);
    const closing = before.close();
    await clock.advance(1010);
    await closing;

    const after = join("after", AFTER);
    await clock.advance(1000);
    expect(after.state()).toMatchObject({ mode: "shared", withheld: AFTER - 1, free: AFTER });
    const expectedMs = after.forecast(20);
    expect(expectedMs(0)).toBe(clock.now());
    expect(expectedMs(5)).toBeLessThan(clock.now() + 10_000);
    let isGranted = false;
    void after.take(NORMAL, never).then(() => {
      isGranted = true;
    });
    await clock.advance(1000);
    expect(isGranted).toBe(true);
  });
});
