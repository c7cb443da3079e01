// Compares estimates with what then happens, in a simulated hour: 15 callers of different weights,
// all classes, shared scopes and separate ones, one device to ten thousand, idle minutes and
// minutes of 130 % load.
//
// The bounds and their reasons: an estimate knows what waits, but not what will arrive. A request
// of up to 400 devices is done before much has changed. A large request is overtaken by later
// arrivals, so its estimate is a lower bound: about right for URGENT, three quarters of the time
// for NORMAL, half of it for BULK.
//
// | up to 400 devices | typically off by | 19 in 20 off by no more than |
// |-------------------|------------------|------------------------------|
// | URGENT            | 50 ms            | 200 ms                       |
// | NORMAL            | 100 ms           | 1.5 s                        |
// | BULK              | 200 ms           | 10 s                         |
import { beforeAll, describe, expect, it } from "vitest";
import type { Plan } from "../../src/gateway/admission/admission.js";
import type { Priority } from "../../src/gateway/command.js";
import { Gateway } from "../../src/gateway/gateway.js";
import { aCommand, aScope, names } from "../support/fake-command.js";
import { FakeLimiter } from "../support/fake-limiter.js";
import { FakeLog } from "../support/fake-log.js";
import { accepted, FakeUpstream } from "../support/fake-upstream.js";
import { HandClock } from "../support/hand-clock.js";
import { seededRandom } from "../support/seeded-random.js";

const HOUR_MS = 3_600_000;
const CALLERS = 15;
/** The load as a part of the quota's capacity; two minutes each, repeated. */
const LOADS = [0.2, 0.6, 0.9, 1.3, 0.4];
const PHASE_MS = 120_000;
/** Nine and a half calls a second, as full as they get. */
const DEVICES_PER_SECOND = 1200;
const SMALL = 400;

/** The expectation for a request, and the result. */
interface Outcome {
  readonly priority: Priority;
  readonly devices: number;
  readonly plan: Plan;
  readonly waitMs: number;
  readonly durationMs: number;
}

async function simulate(seed: number): Promise<Outcome[]> {
  const random = seededRandom(seed);
  const exponential = (mean: number) => -Math.log(1 - random()) * mean;
  const clock = new HandClock();
  const upstream = new FakeUpstream({
    clock,
    reply: (_, nth) => ({ end: accepted(`request-${nth}`), delayMs: 20 + exponential(30) }),
  });
  const gateway = new Gateway({
    account: "default",
    clock,
    limiter: new FakeLimiter({ clock }),
    upstream,
    log: new FakeLog(),
    callers: { weightOf: (caller) => (caller === "caller-0" ? 4 : 1), creditNameOf: () => "" },
    random,
    bounds: { queuedDevices: 1e7, queuedDevicesPerCaller: 1e7 },
  });
  const outcomes: Outcome[] = [];
  let serial = 0;
  const arrive = () => {
    const load = LOADS[Math.floor(clock.now() / PHASE_MS) % LOADS.length] as number;
    // 70 % of 10.5 devices, 25 % of 225, 5 % of 5500.
    clock.at(clock.now() + exponential((1000 * 338) / (load * DEVICES_PER_SECOND)), arrive);
    const kind = random();
    const devices = Math.ceil(kind < 0.7 ? 20 * random() : kind < 0.95 ? 50 + 350 * random() : 1000 + 9000 * random());
    const urgency = random();
    const priority = urgency < 0.1 ? "urgent" : urgency < 0.7 ? "normal" : "bulk";
    const caller = `caller-${Math.floor(random() * CALLERS)}`;
    const scope = random() < 0.7 ? aScope(`product-${Math.floor(random() * 3)}`) : aScope("product-0", caller);
    const deviceNames = names(devices, 0, `${serial++}-`);
    const command = aCommand({ caller, priority, scope, deviceNames, answerByMs: Infinity });
    const plan = gateway.validate(command);
    const [askedMs, askedWallMs] = [clock.now(), clock.wallNow()];
    void gateway.cancel(command).answer.then(({ calls }) => {
      const waitMs = (calls[0]?.sentWallMs ?? Number.NaN) - askedWallMs;
      outcomes.push({ priority, devices, plan, waitMs, durationMs: clock.now() - askedMs });
    });
  };
  arrive();
  await clock.advance(HOUR_MS);
  return outcomes;
}

function quantile(values: readonly number[], part: number): number {
  return values.toSorted((a, b) => a - b)[Math.floor(part * values.length)] as number;
}

describe("the estimate, in a simulated hour,", () => {
  let outcomes: Outcome[];
  beforeAll(async () => {
    outcomes = await simulate(7);
  });

  const of = (priority: Priority, isSmall: boolean) =>
    outcomes.filter((outcome) => outcome.priority === priority && outcome.devices <= SMALL === isSmall);

  it.each([
    ["urgent", 50, 200],
    ["normal", 100, 1500],
    ["bulk", 200, 10_000],
  ] as const)(
    "is right for small requests of class %s: typically to %d ms, 19 in 20 to %d ms",
    (priority, typicalMs, mostMs) => {
      const small = of(priority, true);
      expect(small.length).toBeGreaterThan(500);
      for (const errorsMs of [
        small.map(({ plan, waitMs }) => Math.abs(plan.waitMs - waitMs)),
        small.map(({ plan, durationMs }) => Math.abs(plan.durationMs - durationMs)),
      ]) {
        expect(quantile(errorsMs, 0.5)).toBeLessThan(typicalMs);
        expect(quantile(errorsMs, 0.95)).toBeLessThan(mostMs);
      }
    },
  );

  it.each([
    ["urgent", 0.8],
    ["normal", 0.6],
    ["bulk", 0.4],
  ] as const)(
    "is a lower bound for heaps of class %s, and typically at least %d of what they take",
    (priority, least) => {
      const ratios = of(priority, false).map(({ plan, durationMs }) => plan.durationMs / durationMs);
      expect(ratios.length).toBeGreaterThan(20);
      expect(quantile(ratios, 0.5)).toBeGreaterThan(least);
      expect(quantile(ratios, 0.5)).toBeLessThanOrEqual(1);
      expect(quantile(ratios, 0.95)).toBeLessThan(1.1);
    },
  );

  it("would turn away hardly an urgent request that is served at once (was: one in seven, for other classes' heaps)", () => {
    const urgent = of("urgent", true);
    const turnedAway = urgent.filter(({ plan, durationMs }) => plan.durationMs > 1000 && durationMs < 500);
    expect(turnedAway.length * 100).toBeLessThan(urgent.length);
  });
});
