import { expect, it } from "vitest";
import type { Wish } from "../../../../src/gateway/limiter.js";
import { createSharedLedger } from "../../../../src/limiter/shared/ledger.js";
import { FakeLog } from "../../../support/fake-log.js";
import { HandClock } from "../../../support/hand-clock.js";
import { LuaStore } from "../../../support/lua-store.js";

const NORMAL: Wish = { priority: "normal", newcomer: false };
const CALL_TIMEOUT_MS = 2000;

it("a quota of one call a second is not shared out: its only token is nobody's while the store is away", async () => {
  const clock = new HandClock();
  const store = new LuaStore(clock);
  let isAway = false;
  const ledger = createSharedLedger({
    clock,
    log: new FakeLog(),
    replica: "a",
    callsPerSecond: 1,
    callTimeoutMs: CALL_TIMEOUT_MS,
    onStoreLoss: "share",
    store: {
      run: async (args) => {
        if (isAway) throw new Error("not connected");
        return store.run(args);
      },
      wake: (message) => store.wake(message),
      onWake: (wake) => store.listen(wake),
    },
  });
  await clock.advance(CALL_TIMEOUT_MS + 3000);
  const signal = new AbortController().signal;
  const token = await ledger.take(NORMAL, signal);
  expect(token.send()).toBe(true);
  isAway = true;
  token.settle({ kind: "answered" });
  let granted = 0;
  void ledger.take(NORMAL, signal).then(() => granted++);
  await clock.advance(20_000);
  expect([granted, ledger.state().mode]).toEqual([0, "away"]);
});
