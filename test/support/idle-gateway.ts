// A gateway of one account, under the hand clock, for tests of what stands in front of it.
import { Gateway } from "../../src/gateway/gateway.js";
import { EQUAL } from "./fake-callers.js";
import { FakeLimiter } from "./fake-limiter.js";
import type { FakeLog } from "./fake-log.js";
import { FakeUpstream } from "./fake-upstream.js";
import type { HandClock } from "./hand-clock.js";

/** By account, as the server takes them. */
export function oneGateway(clock: HandClock, log: FakeLog): ReadonlyMap<string, Gateway> {
  const gateway = new Gateway({
    ...{ account: "default", clock, log, callers: EQUAL, random: () => 0.5 },
    ...{ upstream: new FakeUpstream({ clock }), limiter: new FakeLimiter({ clock }) },
    verifier: { verify: async (_, answer) => answer, leave: () => {}, close: async () => {} },
    bounds: { queuedDevices: 100_000, queuedDevicesPerCaller: 100_000 },
  });
  return new Map([["default", gateway]]);
}
