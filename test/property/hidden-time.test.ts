// Tests early returns by random histories: as long as at least one of the comparable calls went its
// way undisturbed, no second holds more than N arrivals at an upstream that counts on arrival. It
// also tests this test: mutations of the rule make it fail.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  hiddenMs,
  type RoundTrip,
  type TimedAnswer,
  withAnswer,
  withRoundTrip,
} from "../../src/limiter/hidden-time.js";
import { ROUND_TRIP_EVERY_MS } from "../../src/limiter/round-trips.js";
import { OPENING_MS, tokenBackMs, WINDOW_MS } from "../../src/limiter/token-rule.js";
import { mostInAnySecond } from "../support/arrivals.js";
import { runs } from "../support/property-runs.js";
import { seededRandom } from "../support/seeded-random.js";

/** How much earlier a token returns, and what is learned from. */
interface Rule {
  hiddenMs: typeof hiddenMs;
  withAnswer: typeof withAnswer;
  withRoundTrip: typeof withRoundTrip;
  /** Whether refusals, which take no work, are treated like accepted calls. */
  readonly refusalsEarn: boolean;
  /** Whether an answer is measured from the taking of the token, before there is a connection. */
  readonly countsWaiting: boolean;
}

const RULE: Rule = { hiddenMs, withAnswer, withRoundTrip, refusalsEarn: false, countsWaiting: false };

interface World {
  readonly seed: number;
  readonly tokens: number;
  readonly replicas: number;
  /** The way there and back, at first and after each change. */
  readonly pathsMs: readonly number[];
  readonly changesEveryMs: number;
  readonly jitterMs: number;
  /** Work of a call: always some, and more with each device. */
  readonly workMs: number;
  readonly workOfDeviceMs: number;
  readonly workVaries: number;
  /** How often a request is delayed, and by how much. */
  readonly delayed: number;
  readonly delayMs: number;
  /** By how much all requests are held up, by turns, after a time in which none is. */
  readonly heldUpMs: number;
  readonly heldUpForMs: number;
  readonly refused: number;
  readonly crashes: number;
  readonly smallCalls: number;
  /** How long each call waits for a connection before it is written, in every other period. */
  readonly waitMs: number;
}

const CALLS = 900;

/** For so long, no request is held up. */
const CALM_MS = 25_000;

/** The knowledge of one process. */
interface Replica {
  answers: readonly TimedAnswer[];
  roundTrips: readonly RoundTrip[];
  measuredMs: number;
}

interface Ended {
  readonly atMs: number;
  readonly replica: Replica;
  readonly devices: number;
  readonly kind: "accepted" | "refused";
  readonly waitMs: number;
  readonly token: number;
}

/**
 * Senders as greedy as the rule allows: they send whenever a token is back. Returns when the
 * upstream counted each call, and how much earlier tokens returned in all.
 */
function arrivals(rule: Rule, world: World): { readonly countedMs: number[]; readonly gainedMs: number } {
  const random = seededRandom(world.seed);
  const countedMs: number[] = [];
  let gainedMs = 0;
  const backMs: number[] = Array(world.tokens).fill(OPENING_MS);
  const opened = (): Replica => ({ answers: [], roundTrips: [], measuredMs: -Infinity });
  const replicas = Array.from({ length: world.replicas }, opened);
  let inFlight: Ended[] = [];
  const period = (nowMs: number) => Math.floor(nowMs / world.changesEveryMs);
  const pathMs = (nowMs: number) => world.pathsMs[period(nowMs) % world.pathsMs.length] as number;
  const halfWayMs = (nowMs: number) => pathMs(nowMs) / 2 + (random() * world.jitterMs) / 2;
  /** Requests that are still held up at the end go on together. */
  const heldUpMs = (nowMs: number) => {
    const leftMs = world.heldUpForMs + CALM_MS - (nowMs % (CALM_MS + world.heldUpForMs));
    return leftMs > world.heldUpForMs ? 0 : Math.min(world.heldUpMs, leftMs);
  };

  const end = ({ atMs, replica, devices, kind, waitMs, token }: Ended): void => {
    let earlierMs = 0;
    if (kind === "accepted" || rule.refusalsEarn) {
      replica.answers = rule.withAnswer(replica.answers, { devices, waitMs, atMs });
      earlierMs = rule.hiddenMs(devices, replica.answers, replica.roundTrips, atMs);
      if (atMs - replica.measuredMs >= ROUND_TRIP_EVERY_MS) {
        replica.measuredMs = atMs;
        const tookMs = halfWayMs(atMs) + halfWayMs(atMs);
        replica.roundTrips = rule.withRoundTrip(replica.roundTrips, { atMs: atMs + tookMs, tookMs });
      }
    }
    gainedMs += earlierMs;
    backMs[token] = tokenBackMs("answered", -Infinity, atMs, 0, earlierMs);
  };

  for (let n = 0; n < CALLS; n++) {
    // Answers that come before the next token is back may bring one back earlier.
    let token = backMs.indexOf(Math.min(...backMs));
    for (;;) {
      let first: Ended | undefined;
      for (const each of inFlight) if (!first || each.atMs < first.atMs) first = each;
      if (!first || first.atMs > (backMs[token] as number)) break;
      inFlight = inFlight.filter((each) => each !== first);
      end(first);
      token = backMs.indexOf(Math.min(...backMs));
    }
    const takenMs = backMs[token] as number;
    const which = Math.floor(random() * replicas.length);
    const replica = replicas[which] as Replica;
    const devices = random() < world.smallCalls ? 1 + Math.floor(random() * 20) : 200;
    const writtenMs = takenMs + (period(takenMs) % 2 === 0 ? world.waitMs : 0);
    const delayMs = heldUpMs(writtenMs) + (random() < world.delayed ? world.delayMs : 0);
    const arrivedMs = writtenMs + halfWayMs(writtenMs) + delayMs;
    const kind = random() < world.refused ? "refused" : "accepted";
    const leastWorkMs = kind === "refused" ? 1 : world.workMs + world.workOfDeviceMs * devices;
    const answeredMs = arrivedMs + leastWorkMs * (1 + random() * world.workVaries) + halfWayMs(arrivedMs);
    countedMs.push(arrivedMs);
    backMs[token] = Infinity;
    if (random() < world.crashes) {
      // Its tokens return when nothing of it can still be counted, and it begins with nothing.
      replicas[which] = opened();
      for (const each of inFlight.filter((one) => one.replica === replica)) {
        backMs[each.token] = each.atMs + WINDOW_MS;
      }
      inFlight = inFlight.filter((one) => one.replica !== replica);
      backMs[token] = answeredMs + WINDOW_MS;
      continue;
    }
    const waitMs = answeredMs - (rule.countsWaiting ? takenMs : writtenMs);
    inFlight.push({ atMs: answeredMs, replica, devices, kind, waitMs, token });
  }
  return { countedMs: countedMs.sort((a, b) => a - b), gainedMs };
}

const world: fc.Arbitrary<World> = fc.record({
  seed: fc.nat(),
  tokens: fc.integer({ min: 1, max: 20 }),
  replicas: fc.constantFrom(1, 1, 3),
  pathsMs: fc.array(fc.constantFrom(1, 5, 30, 60, 150), { minLength: 1, maxLength: 3 }),
  changesEveryMs: fc.integer({ min: 12_000, max: 60_000 }),
  jitterMs: fc.constantFrom(0, 5, 20, 40),
  workMs: fc.constantFrom(0, 5, 60, 200),
  workOfDeviceMs: fc.constantFrom(0, 0.1, 0.5, 1),
  workVaries: fc.constantFrom(0, 0.2, 2),
  delayed: fc.constantFrom(0, 0.05, 0.4, 0.8),
  delayMs: fc.constantFrom(20, 150, 900),
  heldUpMs: fc.constant(0),
  heldUpForMs: fc.constantFrom(10_000, 30_000, 60_000),
  refused: fc.constantFrom(0, 0.1, 0.5),
  crashes: fc.constantFrom(0, 0, 0.005),
  smallCalls: fc.constantFrom(0, 0.1, 0.5),
  waitMs: fc.constantFrom(0, 150),
});

function holds(rule: Rule, where: Partial<World> = {}) {
  return fc.property(world, (any) => {
    const some = { ...any, ...where };
    return mostInAnySecond(arrivals(rule, some).countedMs) <= some.tokens;
  });
}

describe("hiddenMs", () => {
  it("lets no second hold more than N arrivals at an upstream that counts on arrival", () => {
    fc.assert(holds(RULE), { numRuns: runs(400) });
  });

  /** A process that starts meanwhile has not seen any other answer. */
  const heldUp = { heldUpMs: 400, crashes: 0, tokens: 10 };

  it("does the same if all requests wait for longer than ever before, until they suddenly do no longer", () => {
    fc.assert(holds(RULE, heldUp), { numRuns: runs(200) });
  });

  it("returns most of the work early", () => {
    const busy = { tokens: 10, replicas: 1, pathsMs: [20], jitterMs: 20, workMs: 200, workVaries: 0, smallCalls: 0 };
    const calm = {
      workOfDeviceMs: 0,
      delayed: 0,
      delayMs: 0,
      heldUpMs: 0,
      heldUpForMs: 0,
      refused: 0,
      crashes: 0,
      waitMs: 0,
    };
    const { gainedMs } = arrivals(RULE, { seed: 1, changesEveryMs: 60_000, ...busy, ...calm });
    expect(gainedMs / CALLS).toBeGreaterThan(150);
  });

  /** A delayed request takes as long on the shorter path as others did on the longer one. */
  const shortened = {
    pathsMs: [150, 1],
    workMs: 0,
    workOfDeviceMs: 0,
    delayed: 0.4,
    delayMs: 150,
    waitMs: 0,
    jitterMs: 0,
  };

  /** Each with the circumstances in which it does harm. */
  const mutations: Record<string, readonly [Partial<Rule>, Partial<World>]> = {
    "answers of large calls that are a measure for small ones": [
      { hiddenMs: (_, answers, roundTrips, nowMs) => hiddenMs(200, answers, roundTrips, nowMs) },
      { smallCalls: 0.1 },
    ],
    "an answer that is slow because its request was delayed": [
      {
        hiddenMs: (devices, answers, roundTrips, nowMs) => {
          const { waitMs } = answers.at(-1) as TimedAnswer;
          return hiddenMs(
            devices,
            answers.map((each) => ({ ...each, waitMs })),
            roundTrips,
            nowMs,
          );
        },
      },
      { delayed: 0.05 },
    ],
    "the latest round trip as the way of all answers": [
      {
        hiddenMs: (devices, answers, roundTrips, nowMs) => {
          const tookMs = roundTrips.at(-1)?.tookMs ?? 0;
          return hiddenMs(
            devices,
            answers,
            roundTrips.map((each) => ({ ...each, tookMs })),
            nowMs,
          );
        },
      },
      shortened,
    ],
    "the least round trip as the way of all answers": [
      {
        hiddenMs: (devices, answers, roundTrips, nowMs) => {
          const tookMs = Math.min(...roundTrips.map((each) => each.tookMs));
          return hiddenMs(
            devices,
            answers,
            roundTrips.map((each) => ({ ...each, tookMs })),
            nowMs,
          );
        },
      },
      { pathsMs: [150, 1] },
    ],
    "a way that counts only if it lasted for twenty seconds": [
      {
        withRoundTrip: (roundTrips, next) => {
          const least = (each: RoundTrip) => ({ ...each, tookMs: Math.min(each.tookMs, next.tookMs) });
          const isNear = ({ atMs }: RoundTrip) => next.atMs - atMs < 20_000;
          return withRoundTrip(
            roundTrips.map((each) => (isNear(each) ? least(each) : each)),
            next,
          );
        },
      },
      { ...shortened, changesEveryMs: 12_000, tokens: 20, replicas: 1, smallCalls: 0, refused: 0 },
    ],
    "the first answers of a lifetime": [
      {
        withAnswer: (answers, answer) => {
          const kept = answers.length < 60 ? [...answers, answer] : answers;
          return kept.map((each) => ({ ...each, atMs: answer.atMs - 19_000 }));
        },
      },
      { pathsMs: [150, 1, 1, 1, 1, 1], changesEveryMs: 20_000, tokens: 5, smallCalls: 0, replicas: 1 },
    ],
    "an answer that is enough": [
      {
        hiddenMs: (devices, answers, roundTrips, nowMs) =>
          hiddenMs(
            devices,
            answers.flatMap((each) => Array<TimedAnswer>(50).fill(each)),
            roundTrips,
            nowMs,
          ),
      },
      { tokens: 1, smallCalls: 0.5, delayed: 0.4, delayMs: 150 },
    ],
    "ten answers that are enough": [
      {
        hiddenMs: (devices, answers, roundTrips, nowMs) =>
          hiddenMs(
            devices,
            answers.flatMap((each) => Array<TimedAnswer>(5).fill(each)),
            roundTrips,
            nowMs,
          ),
      },
      { tokens: 1, smallCalls: 0.5, delayed: 0.8, delayMs: 150 },
    ],
    "recent answers that are enough": [
      {
        withAnswer: (answers, answer) => withAnswer(answers, answer).filter(({ atMs }) => atMs > answer.atMs - 20_000),
      },
      heldUp,
    ],
    "a fast answer that is forgotten for that of a smaller call": [
      {
        withAnswer: (answers, answer) =>
          withAnswer(answers, answer).filter(
            ({ atMs, devices, waitMs }) =>
              atMs > answer.atMs - 20_000 || devices <= answer.devices || waitMs < answer.waitMs,
          ),
      },
      { ...heldUp, smallCalls: 0.5, workOfDeviceMs: 0.5 },
    ],
    "a way there and back that is not subtracted": [
      {
        hiddenMs: (devices, answers, roundTrips, nowMs) =>
          hiddenMs(
            devices,
            answers,
            roundTrips.map((each) => ({ ...each, tookMs: 0 })),
            nowMs,
          ),
      },
      { pathsMs: [150, 1] },
    ],
    "refusals that earn like accepted calls": [
      {
        refusalsEarn: true,
        hiddenMs: (devices, answers, roundTrips, nowMs) =>
          hiddenMs(
            devices,
            answers.filter(({ waitMs }, n) => n < answers.length - 1 && waitMs > 200),
            roundTrips,
            nowMs,
          ),
      },
      { refused: 0.1, workMs: 200 },
    ],
    "answers measured from before the connection was there": [
      { countsWaiting: true },
      { waitMs: 150, smallCalls: 0, changesEveryMs: 15_000, pathsMs: [1] },
    ],
  };
  it.each(Object.entries(mutations))("is tested by histories that would find %s", (_, [mutated, where]) => {
    const found = fc.check(holds({ ...RULE, ...mutated }, where), { numRuns: 100, endOnFailure: true });
    expect(found.failed).toBe(true);
  });
});
