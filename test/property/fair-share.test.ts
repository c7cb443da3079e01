// Turns among callers that come, leave and join calls. A caller of weight w is due w/W of each
// call, where W is the weight of all callers that wait, or that left while ahead of their share. It
// is owed what was due since it came, minus what it has paid: at least -1 call, and less than 1
// (docs/adr/0008). The following is checked exactly:
//
// 1. Callers that wait from the beginning have paid w/W of the calls, to within less than one call,
//    at every moment.
// 2. Regardless of others that come and leave, a caller that waits all the time is less than a call
//    behind its part among all callers there ever are; and two such callers are, by weight, less
//    than a call of each apart.
// 3. A caller without a seat is owed w/W more with each call. So fewer than 2 W/w calls pass it
//    over.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Credits } from "../../src/gateway/queue/credits.js";
import { type Charge, FairShare, refund, type Turn } from "../../src/gateway/queue/fair-share.js";
import { SeatSharing, type Share } from "../../src/gateway/queue/seat-sharing.js";
import { runs } from "../support/property-runs.js";
import { allot, aShare } from "../support/seat-shares.js";
import { seededRandom } from "../support/seeded-random.js";

const SEATS = 200;
const CALLS = 300;

interface Caller {
  readonly name: string;
  readonly weight: number;
  /** Its scopes; this many devices always wait in each. */
  readonly scopes: readonly number[];
  readonly devices: number;
}

/**
 * For calls that did not go by credit: how much each caller has paid, and how many passed it over.
 */
class History {
  readonly share: FairShare;
  readonly waits = new Set<string>();
  readonly paid = new Map<string, number>();
  readonly passedOver = new Map<string, number>();
  calls = 0;
  readonly weightOfAll: number;
  readonly #weightOf: (caller: string) => number;
  readonly #credits: Credits;

  /** The first `stayers` callers wait from the beginning; the others can have credit. */
  constructor(callers: readonly Caller[], stayers = Infinity) {
    const weights = new Map(callers.map(({ name, weight }) => [name, weight]));
    const proven = new Set(callers.slice(stayers).map(({ name }) => name));
    this.#credits = new Credits((caller) => (proven.has(caller) ? caller : "everybody"));
    this.#weightOf = (caller) => weights.get(caller) ?? (callers[0] as Caller).weight;
    this.weightOfAll = callers.reduce((sum, { weight }) => sum + weight, 0);
    this.share = new FairShare({ seatsPerCall: SEATS, weightOf: this.#weightOf, credits: this.#credits });
    for (const { name } of callers.slice(0, stayers)) this.come(name);
  }

  turn(nowMs: number, mayGo: (caller: string) => boolean = () => true): Turn {
    this.#credits.noteSeat("everybody", nowMs);
    return this.share.turn(nowMs, mayGo) as Turn;
  }

  come(caller: string): void {
    this.share.join(caller);
    this.waits.add(caller);
    this.passedOver.set(caller, 0);
  }

  go(caller: string): void {
    this.share.leave(caller);
    this.waits.delete(caller);
    this.passedOver.delete(caller);
  }

  note(charge: Charge, seats: ReadonlyMap<string, number>): void {
    const calls = [...charge].some(([{ caller }, price]) => caller === undefined && price > 0) ? 1 : 0;
    this.calls += calls;
    for (const [{ caller }, price] of charge) {
      if (caller !== undefined) this.paid.set(caller, (this.paid.get(caller) ?? 0) + price * this.#weightOf(caller));
    }
    for (const [caller, sum] of this.passedOver) this.passedOver.set(caller, seats.get(caller) ? 0 : sum + calls);
  }
}

function* waitAllTheTime(callers: readonly Caller[]): Generator<History> {
  const history = new History(callers);
  const byName = new Map(callers.map((caller) => [caller.name, caller]));
  for (let n = 0; n < CALLS; n++) {
    const turn = history.turn(n * 100);
    const taker = turn.caller;
    const { scopes } = byName.get(taker) as Caller;
    const scope = scopes[n % scopes.length] as number;
    const wants = callers.filter((caller) => caller.name === taker || caller.scopes.includes(scope));
    const seats = sharesOf(wants);
    history.note(history.share.charge(turn, seats, n * 100), seats);
    yield history;
  }
}

/** Each caller's part of a call that all of them can fill. */
function sharesOf(wants: readonly Caller[]): Map<string, number> {
  const byName = new Map(wants.map((caller) => [caller.name, caller]));
  const shares = new SeatSharing<Share>((caller) => (byName.get(caller) as Caller).weight);
  for (const { name } of wants) shares.join(aShare(name));
  const seats = new Map(wants.map(({ name }) => [name, 0]));
  const seatsOfCall = { left: SEATS };
  const take = ({ caller }: Share) => {
    const had = seats.get(caller) as number;
    if (had === byName.get(caller)?.devices) return false;
    seats.set(caller, had + 1);
    seatsOfCall.left--;
    return true;
  };
  allot(shares, seatsOfCall, take);
  return seats;
}

/**
 * The first callers wait all the time; the others come and leave, whether they had something or
 * not. Sharers of calls are random, some calls go by credit, and some are turned away.
 */
function* comeAndGo(callers: readonly Caller[], stayers: number, seed: number): Generator<History> {
  const random = seededRandom(seed);
  const history = new History(callers, stayers);
  const { share, waits } = history;
  const names = callers.map(({ name }) => name);
  const passers = names.slice(stayers);
  const [coming, riding] = [random() ** 2, random()];
  for (let n = 0; n < CALLS; n++) {
    for (const name of passers) {
      if (!waits.has(name) && random() < coming) history.come(name);
      else if (waits.has(name) && random() < 0.02) history.go(name);
    }
    const turn = history.turn(n * 100);
    const taker = turn.caller;
    const sharers = names.filter((name) => name !== taker && waits.has(name) && random() < riding);
    const seats = new Map<string, number>();
    let left = SEATS;
    for (const name of [taker, ...sharers]) {
      const taken = Math.ceil(random() ** 2 * left);
      if (taken > 0) seats.set(name, taken);
      left -= taken;
    }
    const charge = share.charge(turn, seats, n * 100);
    if (random() < 0.1) {
      refund(charge);
      continue;
    }
    history.note(charge, seats);
    yield history;
    for (const name of passers) if (seats.has(name) && random() < 0.7) history.go(name);
  }
}

const weight = fc.oneof(fc.integer({ min: 1, max: 9 }), fc.double({ min: 0.02, max: 50, noNaN: true }));

function callersWith(scopes: fc.Arbitrary<number[]>, maxLength = 40) {
  const caller = fc.record({ weight, scopes, devices: fc.integer({ min: 1, max: 300 }) });
  return fc
    .array(caller, { minLength: 2, maxLength })
    .map((all) => all.map((each, index) => ({ ...each, name: `caller-${index}` })));
}

/** No scope is shared: every call has a single caller, which pays for all of it. */
const apart = callersWith(fc.constant([])).map((all) =>
  all.map((each, index) => ({ ...each, scopes: Array.from({ length: 1000 }, (_, n) => index * 1000 + n) })),
);
const mixed = callersWith(fc.uniqueArray(fc.integer({ min: 0, max: 4 }), { minLength: 1, maxLength: 4 }));
const passing = fc.tuple(callersWith(fc.constant([]), 12), fc.integer({ min: 1, max: 4 }), fc.integer());

describe("FairShare", () => {
  it.each([
    ["with a thousand scopes of their own", apart],
    ["who ride along in each other's calls", mixed],
  ])("has callers %s pay their part of the calls to within one, at every moment", (_, all) => {
    fc.assert(
      fc.property(all, (callers) => {
        for (const { paid, calls, weightOfAll: sum } of waitAllTheTime(callers)) {
          for (const { name, weight: own } of callers) {
            const more = (paid.get(name) ?? 0) - (calls * own) / sum;
            if (Math.abs(more) >= 1) throw new Error(`${name}, of weight ${own} in ${sum}: ${more} after ${calls}`);
          }
        }
      }),
      { numRuns: runs(300) },
    );
  });

  it("keeps those who wait all the time within a call, whoever comes and goes, and whatever is turned away", () => {
    fc.assert(
      fc.property(passing, ([callers, stayers, seed]) => {
        const staying = callers.slice(0, stayers);
        for (const { paid, calls, weightOfAll: sum } of comeAndGo(callers, stayers, seed)) {
          for (const a of staying) {
            const had = paid.get(a.name) ?? 0;
            if (had <= (calls * a.weight) / sum - 1) throw new Error(`${a.name}: ${had} of ${calls}`);
            for (const b of staying) {
              const more = had / a.weight - (paid.get(b.name) ?? 0) / b.weight;
              if (more >= 1 / a.weight + 1 / b.weight) throw new Error(`${a.name} and ${b.name}: ${more}`);
            }
          }
        }
      }),
      { numRuns: runs(300) },
    );
  });

  it("passes nobody over for as many calls as twice the weight of all, relative to theirs", () => {
    const staying = fc.oneof(apart, mixed).map((callers) => ({ callers, moments: () => waitAllTheTime(callers) }));
    const changing = passing.map(([callers, ...how]) => ({ callers, moments: () => comeAndGo(callers, ...how) }));
    fc.assert(
      fc.property(fc.oneof(staying, changing), ({ callers, moments }) => {
        for (const { passedOver, weightOfAll: sum } of moments()) {
          for (const { name, weight: own } of callers) {
            const calls = passedOver.get(name) ?? 0;
            if (calls >= (2 * sum) / own) throw new Error(`${name}, of weight ${own} in ${sum}: ${calls} calls`);
          }
        }
      }),
      { numRuns: runs(600) },
    );
  });

  it("passes nobody who may go over for longer than that and a call of each other, whatever the rest cannot use", () => {
    fc.assert(
      fc.property(
        callersWith(fc.constant([]), 8),
        fc.integer({ min: 1, max: 7 }),
        fc.integer(),
        (callers, most, seed) => {
          const random = seededRandom(seed);
          const history = new History(callers);
          const [coming, leaving] = [random(), random()];
          const stuck = new Set(callers.slice(1, 1 + most).map(({ name }) => name));
          const able = callers.filter(({ name }) => !stuck.has(name));
          const passedOver = new Map(able.map(({ name }) => [name, 0]));
          const weightOfAll = history.weightOfAll + 3 * (callers[0] as Caller).weight; // at most three pass by
          const passers = new Set<string>();
          for (let n = 0; n < CALLS; n++) {
            if (passers.size < 3 && random() < coming) {
              passers.add(`new-${n}`);
              history.come(`new-${n}`);
            }
            const turn = history.turn(n * 100, (caller) => !stuck.has(caller));
            history.share.charge(turn, new Map([[turn.caller, 1]]), n * 100);
            for (const { name, weight: own } of able) {
              const calls = turn.caller === name ? 0 : (passedOver.get(name) ?? 0) + 1;
              passedOver.set(name, calls);
              if (calls >= (2 * weightOfAll) / own + callers.length + 3) throw new Error(`${name}: ${calls} calls`);
            }
            if (passers.has(turn.caller) && random() < leaving) {
              passers.delete(turn.caller);
              history.go(turn.caller);
            }
          }
        },
      ),
      { numRuns: runs(300) },
    );
  });

  it("gives who comes under ever new names no more than a call more than one of the same weight who waits", () => {
    fc.assert(
      fc.property(callersWith(fc.constant([]), 8), fc.integer(), (callers, seed) => {
        const random = seededRandom(seed);
        const history = new History(callers);
        const changing = random();
        const had = { patient: 0, everNew: 0 };
        let name = "new-0";
        for (let n = 1; n <= CALLS; n++) {
          if (!history.waits.has(name) || random() < changing / 4) {
            history.go(name);
            name = `new-${n}`;
            history.come(name);
          }
          const turn = history.turn(n * 100);
          const taker = turn.caller;
          history.share.charge(turn, new Map([[taker, 1]]), n * 100);
          if (taker === callers[0]?.name) had.patient++;
          if (taker !== name) continue;
          expect(++had.everNew).toBeLessThanOrEqual(had.patient + 1);
          if (random() < changing) history.go(name);
        }
      }),
      { numRuns: runs(300) },
    );
  });
});
