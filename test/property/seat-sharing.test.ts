import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { SeatSharing, type Share } from "../../src/gateway/queue/seat-sharing.js";
import { runs } from "../support/property-runs.js";
import { allot, aShare } from "../support/seat-shares.js";

/** A caller that wants seats. */
interface Want {
  readonly seats: number;
  readonly weight: number;
}

interface Asker extends Share {
  wanted: number;
  hasWeight: number;
  had: number;
}

/** A class of callers, and how often one of them was looked at. */
class Crowd {
  readonly all: Asker[] = [];
  looks = 0;
  readonly #byCaller = new Map<string, Asker>();
  readonly #shares = new SeatSharing<Asker>((caller) => {
    this.looks++;
    return (this.#byCaller.get(caller) as Asker).hasWeight;
  });

  join({ seats, weight }: Want): Asker {
    const asker = { ...aShare(`c${this.all.length}`), wanted: seats, hasWeight: weight, had: 0 };
    this.all.push(asker);
    this.#byCaller.set(asker.caller, asker);
    this.#shares.join(asker);
    return asker;
  }

  leave(asker: Asker): void {
    asker.wanted = 0;
    this.#shares.leave(asker);
  }

  comeBack(asker: Asker, wanted: number): void {
    asker.wanted = wanted;
    this.#shares.join(asker);
  }

  /** Each caller's part of a call with this many seats. */
  share(seats: number, first?: Asker): number[] {
    const before = this.all.map(({ had }) => had);
    const seatsOfCall = { left: seats };
    const take = (asker: Asker) => {
      if (asker.wanted === 0) return false;
      asker.wanted--;
      asker.had++;
      seatsOfCall.left--;
      return true;
    };
    allot(this.#shares, seatsOfCall, take, first);
    return this.all.map(({ had }, i) => had - (before[i] as number));
  }
}

function crowdOf(all: readonly Want[]): Crowd {
  const crowd = new Crowd();
  for (const each of all) crowd.join(each);
  return crowd;
}

const seatsOf = (all: readonly Want[], capacity: number) => crowdOf(all).share(capacity);
const sumOf = (numbers: readonly number[]) => numbers.reduce((sum, each) => sum + each, 0);

const want = fc.record({ seats: fc.integer({ min: 0, max: 300 }), weight: fc.integer({ min: 1, max: 10 }) });
const wants = fc.array(want, { minLength: 1, maxLength: 40 });
const capacity = fc.integer({ min: 0, max: 200 });

describe("SeatSharing", () => {
  it("fills the call as far as anybody wants, and gives nobody more than they want", () => {
    fc.assert(
      fc.property(wants, capacity, (all, seats) => {
        const shares = seatsOf(all, seats);
        expect(sumOf(shares)).toBe(Math.min(seats, sumOf(all.map((each) => each.seats))));
        for (const [i, share] of shares.entries()) {
          expect(share).toBeGreaterThanOrEqual(0);
          expect(share).toBeLessThanOrEqual(all[i]?.seats ?? 0);
        }
      }),
    );
  });

  it("lets nobody lack a seat that another has who has more for their weight", () => {
    fc.assert(
      fc.property(wants, capacity, (all, seats) => {
        const shares = seatsOf(all, seats);
        for (const [i, poor] of all.entries()) {
          if ((shares[i] as number) >= poor.seats) continue;
          for (const [j, rich] of all.entries()) {
            if (shares[j] === 0) continue;
            const had = (shares[j] as number) / rich.weight;
            expect(had).toBeLessThanOrEqual(((shares[i] as number) + 1) / poor.weight + 1e-9);
          }
        }
      }),
      { numRuns: runs(1000) },
    );
  });

  it("gives what cannot be divided among equals to the earlier ones, and with the next call to the others", () => {
    const equal = { seats: 5, weight: 1 };
    expect(seatsOf([equal, equal, equal], 4)).toEqual([2, 1, 1]);
    const crowd = crowdOf([equal, equal, equal]);
    expect([crowd.share(2), crowd.share(2), crowd.share(2)]).toEqual([
      [1, 1, 0],
      [1, 0, 1],
      [0, 1, 1],
    ]);
  });

  it("shares by weight among those who want more than their share, and leaves them what others do not want", () => {
    expect(
      seatsOf(
        [
          { seats: 500, weight: 3 },
          { seats: 500, weight: 1 },
        ],
        200,
      ),
    ).toEqual([150, 50]);
    expect(
      seatsOf(
        [
          { seats: 500, weight: 1 },
          { seats: 10, weight: 1 },
          { seats: 500, weight: 1 },
        ],
        200,
      ),
    ).toEqual([95, 10, 95]);
  });

  it("gives everybody their part over many calls, to within two seats, whoever wants how much more than that", () => {
    const greedy = fc.array(fc.integer({ min: 1, max: 10 }), { minLength: 2, maxLength: 40 });
    fc.assert(
      fc.property(greedy, fc.integer({ min: 1, max: 30 }), (weights, seats) => {
        const calls = 100;
        const sum = sumOf(weights);
        const crowd = crowdOf(weights.map((weight) => ({ seats: Infinity, weight })));
        for (let call = 0; call < calls; call++) crowd.share(seats);
        for (const { had, hasWeight: weight } of crowd.all) {
          expect(Math.abs(had - (calls * seats * weight) / sum)).toBeLessThanOrEqual(2);
        }
      }),
      { numRuns: runs(50) },
    );
  });

  it("never gives more seats than there are, nor fewer than are wanted, whoever comes, goes and goes first", () => {
    const act = fc.oneof(
      fc.record({ kind: fc.constant("join" as const), want }),
      fc.record({ kind: fc.constantFrom("leave" as const, "reweigh" as const), nth: fc.nat(20) }),
      fc.record({ kind: fc.constant("more" as const), nth: fc.nat(20), seats: fc.nat(9) }),
      fc.record({ kind: fc.constant("share" as const), seats: fc.nat(20), first: fc.option(fc.nat(20)) }),
    );
    fc.assert(
      fc.property(fc.array(act, { maxLength: 60 }), (acts) => {
        const crowd = new Crowd();
        const here = new Set<Asker>();
        for (const each of acts) {
          const asker = "nth" in each ? crowd.all[each.nth] : undefined;
          if (each.kind === "join") here.add(crowd.join({ ...each.want, seats: each.want.seats % 10 }));
          if (asker && each.kind === "reweigh") asker.hasWeight = (asker.hasWeight % 10) + 1;
          if (asker && each.kind === "leave") {
            crowd.leave(asker);
            here.delete(asker);
          }
          if (asker && each.kind === "more" && here.has(asker)) asker.wanted += each.seats;
          else if (asker && each.kind === "more") {
            crowd.comeBack(asker, each.seats);
            here.add(asker);
          }
          if (each.kind !== "share") continue;
          const before = crowd.all.map(({ wanted }) => wanted);
          const chosen = each.first === null ? undefined : crowd.all[each.first];
          const first = chosen && here.has(chosen) ? chosen : undefined;
          const shares = crowd.share(each.seats, each.seats > 0 ? first : undefined);
          expect(sumOf(shares)).toBe(Math.min(each.seats, sumOf(before)));
          for (const [i, share] of shares.entries()) expect(share).toBeLessThanOrEqual(before[i] as number);
          if (first && each.seats > 0 && before[crowd.all.indexOf(first)]) {
            expect(shares[crowd.all.indexOf(first)]).toBeGreaterThan(0);
          }
        }
      }),
      { numRuns: runs(1000) },
    );
  });

  it("looks at hardly more than it gives seats to, however many want some", () => {
    const crowd = crowdOf(Array.from({ length: 200_000 }, () => ({ seats: 9, weight: 1 })));
    expect(sumOf(crowd.share(200))).toBe(200); // looks at all of them, once, for they are new
    crowd.looks = 0;
    expect(sumOf(crowd.share(200))).toBe(200);
    expect(crowd.looks).toBeLessThanOrEqual(200);
  });

  it("asks nobody who could use no seat more often than a seat is due to them", () => {
    const crowd = crowdOf(Array.from({ length: 10_000 }, (_, n) => ({ seats: n % 2 === 0 ? 0 : 99, weight: 1 })));
    crowd.share(200);
    crowd.looks = 0;
    for (let call = 0; call < 50; call++) expect(sumOf(crowd.share(200))).toBe(200);
    expect(crowd.looks).toBeLessThanOrEqual(2 * 50 * 200 + 2);
  });

  it("keeps no seats for who could use none", () => {
    const crowd = crowdOf([
      { seats: Infinity, weight: 1 },
      { seats: 0, weight: 1 },
    ]);
    for (let call = 0; call < 50; call++) crowd.share(10);
    (crowd.all[1] as Asker).wanted = Infinity;
    expect(Math.abs((crowd.share(10)[1] as number) - 5)).toBeLessThanOrEqual(1);
  });

  it("lets nobody gain by coming back, nor by ever new names, from those who wait", () => {
    const patient = { seats: Infinity, weight: 1 };
    const crowd = crowdOf([patient, patient]);
    const regular = crowd.join({ seats: 1, weight: 1 });
    for (let call = 0; call < 100; call++) {
      const fresh = Array.from({ length: 20 }, () => crowd.join({ seats: 1, weight: 1 }));
      crowd.share(5);
      for (const each of [regular, ...fresh]) crowd.leave(each);
      crowd.comeBack(regular, 1);
    }
    // A seat in every call: of those who come to it, none has more.
    for (const { had } of crowd.all.slice(0, 2)) expect(had).toBeGreaterThanOrEqual(100);
  });

  it("gives who found no room in one call the first seat of the next", () => {
    const shares = new SeatSharing<Share>(() => 1);
    for (const caller of ["short", "long"]) shares.join(aShare(caller));
    const call = (fits: (caller: string) => boolean) => {
      const seated: string[] = [];
      const seatsOfCall = { left: 2 };
      const take = ({ caller }: Share) => {
        if (fits(caller)) seatsOfCall.left = 2 - seated.push(caller);
        else seatsOfCall.left = 0;
        return fits(caller);
      };
      allot(shares, seatsOfCall, take);
      return seated;
    };
    expect(call((caller) => caller === "short")).toEqual(["short"]);
    expect(call(() => true)).toEqual(["long", "short"]);
  });

  it("puts off who had a seat in advance until it is even, and for no more than a seat", () => {
    const crowd = crowdOf(Array.from({ length: 20 }, () => ({ seats: Infinity, weight: 1 })));
    const [first, ...others] = crowd.all as [Asker, ...Asker[]];
    crowd.share(10, first);
    for (let call = 1; call < 10; call++) crowd.share(10);
    for (const { had } of crowd.all) expect(Math.abs(had - 5)).toBeLessThanOrEqual(1);
    for (let call = 0; call < 50; call++) crowd.share(10, first);
    const before = first.had;
    const least = Math.min(...others.map(({ had }) => had));
    for (let call = 0; call < 4; call++) crowd.share(10);
    expect(first.had).toBeGreaterThan(before);
    expect(Math.min(...others.map(({ had }) => had))).toBeGreaterThan(least);
  });

  it("goes by a new weight from the next seat on", () => {
    const crowd = crowdOf(Array.from({ length: 4 }, () => ({ seats: Infinity, weight: 1 })));
    const [changing] = crowd.all as [Asker];
    const gained = () => {
      const before = changing.had;
      for (let call = 0; call < 10; call++) crowd.share(10);
      return changing.had - before;
    };
    expect(Math.abs(gained() - 25)).toBeLessThanOrEqual(1);
    changing.hasWeight = 7;
    expect(Math.abs(gained() - 70)).toBeLessThanOrEqual(3);
    changing.hasWeight = 1;
    expect(Math.abs(gained() - 25)).toBeLessThanOrEqual(1);
  });
});
