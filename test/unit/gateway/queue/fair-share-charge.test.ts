import { describe, expect, it } from "vitest";
import { Credits } from "../../../../src/gateway/queue/credits.js";
import { type Charge, FairShare, type Turn } from "../../../../src/gateway/queue/fair-share.js";

const EVERYBODY = () => true;

const turnOf = (caller: string): Turn => ({ caller, byCredit: false });

function shareOf(weights: Readonly<Record<string, number>>): FairShare {
  return new FairShare({
    seatsPerCall: 200,
    weightOf: (caller) => weights[caller] ?? 1,
    credits: new Credits(() => ""),
  });
}

/** In calls. */
function paidBy(charge: Charge, weights: Readonly<Record<string, number>>): Record<string, number> {
  const paid: Record<string, number> = {};
  for (const [{ caller }, price] of charge) if (caller !== undefined) paid[caller] = price * (weights[caller] ?? 1);
  return paid;
}

/** How far a call brings virtual time on, for each weight that has a part in it. */
function shareIn(charge: Charge): number | undefined {
  return [...charge].find(([{ caller }]) => caller === undefined)?.[1];
}

describe("FairShare.charge", () => {
  it("charges sharers of any weight for the seats they fill, and the caller whose turn it was for the rest", () => {
    const weights = { heavy: 4, light: 1 };
    const share = shareOf(weights);
    share.join("light");
    share.join("heavy");
    const first = share.charge(turnOf("heavy"), new Map(Object.entries({ heavy: 170, light: 30 })), 0);
    expect(paidBy(first, weights)).toEqual({ heavy: 0.85, light: 0.15 });
    const second = share.charge(turnOf("light"), new Map(Object.entries({ light: 160, heavy: 40 })), 100);
    const { heavy = 0, light = 0 } = paidBy(second, weights);
    expect(heavy).toBeCloseTo(40 / 200);
    expect(light).toBeCloseTo(160 / 200);
  });

  it("keeps no part of a call for callers that came and left without having had one", () => {
    const share = shareOf({});
    for (const caller of ["a", "b"]) share.join(caller);
    share.charge(share.turn(0, EVERYBODY) as Turn, new Map([["a", 200]]), 0);
    for (let n = 0; n < 10; n++) {
      share.join(`passing-${n}`);
      share.leave(`passing-${n}`);
    }
    const charge = share.charge(share.turn(100, EVERYBODY) as Turn, new Map([["b", 200]]), 100);
    expect(shareIn(charge)).toBe(1 / 2);
  });
});
