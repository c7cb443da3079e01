// Takers that leave while a token is on its way to them: it goes back, and no sooner than its last
// call allows. Some packets are slow, so that replicas ask far ahead of the start of a call.
import { expect, it } from "vitest";
import type { Limiter } from "../../src/gateway/limiter.js";
import { createSharedLedger } from "../../src/limiter/shared/ledger.js";
import { WINDOW_MS } from "../../src/limiter/token-rule.js";
import { FakeLog } from "../support/fake-log.js";
import { OPENED_MS } from "../support/far-store.js";
import { HandClock } from "../support/hand-clock.js";
import { LuaStore } from "../support/lua-store.js";
import { seededRandom } from "../support/seeded-random.js";

const QUOTA = 10;

function simulate(seed: number) {
  const clock = new HandClock();
  const random = seededRandom(seed);
  const within = (ms: number) => clock.now() + random() * ms;
  const store = new LuaStore(clock);
  /** One direction of a connection: packets keep their order, and one in five is slow. */
  const way = () => {
    let lastMs = 0;
    return (run: () => void) => {
      lastMs = Math.max(lastMs, within(random() < 0.2 ? 110 : 5));
      clock.at(lastMs, run);
    };
  };
  const join = (replica: string): Limiter => {
    const [there, back] = [way(), way()];
    const run = (args: readonly string[]) =>
      new Promise((resolve) => {
        there(() => {
          const reply = store.run(args);
          back(() => resolve(reply));
        });
      });
    const about = { callsPerSecond: QUOTA, callTimeoutMs: 2000, onStoreLoss: "closed" } as const;
    const channel = { wake: store.wake.bind(store), onWake: store.listen.bind(store) };
    return createSharedLedger({ clock, log: new FakeLog(), replica, ...about, store: { run, ...channel } });
  };
  let [out, mostOut] = [0, 0];
  const work = async (ledger: Limiter): Promise<void> => {
    for (;;) {
      await new Promise<void>((resolve) => clock.at(within(300), resolve));
      const leaving = new AbortController();
      if (random() < 0.6) clock.at(within(150), () => leaving.abort());
      const token = await ledger.take({ priority: "normal", newcomer: random() < 0.2 }, leaving.signal).catch(() => {});
      if (!token?.send()) continue;
      mostOut = Math.max(mostOut, ++out);
      clock.at(20 + within(200), () => {
        clock.at(clock.now() + WINDOW_MS, () => out--); // first, so that the token is back no sooner
        token.settle({ kind: "answered" });
      });
    }
  };
  return { clock, ledgers: ["a", "b", "c"].map(join), work, mostOut: () => mostOut };
}

it.each([4, 8, 10, 11])(
  "createSharedLedger has no more than N tokens out while takers leave (was: 11), seed %i",
  async (seed) => {
    const { clock, ledgers, work, mostOut } = simulate(seed);
    await clock.advance(OPENED_MS);
    for (const ledger of ledgers) void work(ledger);
    await clock.advance(30_000);
    expect(mostOut()).toBe(QUOTA);
  },
);
