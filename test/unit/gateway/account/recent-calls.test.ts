import { describe, expect, it } from "vitest";
import { RecentCalls } from "../../../../src/gateway/account/recent-calls.js";
import { anEnd, aSentCall, type Ending } from "../../../support/observed-calls.js";

const LOST: Ending = { kind: "lost", cause: "The request was sent, but no complete answer came (timeout)." };
const KEYS: Ending = { kind: "refused", code: "InvalidAccessKeyId.NotFound", ours: true };
const REFUSED: Ending = {
  kind: "refused",
  code: "iot.ota.FirmwareNotFound",
  reaction: { kind: "rejected", rejection: "not-found", deviceFault: false },
};
const FORBIDDEN: Ending = {
  kind: "refused",
  code: "NoPermission",
  reaction: { kind: "rejected", rejection: "forbidden", deviceFault: false },
};

/** Calls that ended so, 100 ms apart, each for the caller of its place. */
function endedSo(...ends: (Ending & { readonly caller?: string })[]) {
  const recent = new RecentCalls();
  for (const [n, { caller = "a", ...end }] of ends.entries()) {
    const call = aSentCall(1000 + n * 100, { devicesByCaller: new Map([[caller, 200]]) });
    recent.sent(call);
    recent.ended(call, anEnd(call, end));
  }
  return recent;
}

describe("RecentCalls", () => {
  it("tells what the latest call met, with its code and its callers", () => {
    const { trouble } = endedSo({ kind: "accepted" }, { ...REFUSED, caller: "a" }, { ...REFUSED, caller: "b" }).trend;
    expect(trouble).toEqual({
      kind: "refused",
      cause: "iot.ota.FirmwareNotFound",
      sinceMs: 1120,
      endedMs: 1220,
      callers: ["a", "b"],
      otherCallers: 0,
    });
    expect(endedSo(REFUSED, { kind: "accepted" }).trend).not.toHaveProperty("trouble");
  });

  it.each<[string, Ending]>([
    ["keys", KEYS],
    ["keys", { kind: "unwritten", ours: true, cause: "no file /run/secrets/x" }],
    ["unanswered", LOST],
    ["unanswered", { kind: "unwritten" }],
    ["failing", { kind: "refused", reaction: { kind: "unavailable" } }],
    ["throttled", { kind: "refused", throttled: true }],
    ["forbidden", FORBIDDEN],
    ["refused", REFUSED],
  ])("knows %s from %o", (kind, end) => {
    expect(endedSo(end).trend.trouble?.kind).toBe(kind);
  });

  it("names no place of this machine, and no caller of another trouble", () => {
    expect(endedSo({ kind: "unwritten", ours: true, cause: "no file /run/x" }).trend.trouble?.cause).toBe("no keys");
    expect(endedSo({ ...REFUSED, caller: "a" }, { ...LOST, caller: "b" }).trend.trouble?.callers).toEqual(["b"]);
  });

  it("names three callers and counts the others, up to a bound", () => {
    const ends = Array.from({ length: 500 }, (_, n) => ({ ...REFUSED, caller: `caller-${n}` }));
    const { callers, otherCallers = 0 } = endedSo(...ends).trend.trouble ?? {};
    expect([callers?.length, otherCallers]).toEqual([3, 97]);
  });

  it("is proven by any answer that is not about the keys, and not by a lost one", () => {
    const isProven = (...ends: Ending[]) => endedSo(...ends).trend.isProven;
    expect([isProven(), isProven(KEYS), isProven(LOST)]).toEqual([false, false, false]);
    expect([isProven({ kind: "accepted" }), isProven(REFUSED), isProven(FORBIDDEN)]).toEqual([true, true, true]);
    expect(isProven({ kind: "accepted" }, KEYS)).toBe(false);
  });

  it("takes a harmless call as proof, and its permission as nothing against the keys", () => {
    const tried = (...ends: Ending[]) => {
      const recent = endedSo(KEYS);
      for (const end of ends) recent.tried(anEnd(aSentCall(2000), end));
      return recent.trend;
    };
    expect(tried(FORBIDDEN)).toMatchObject({ isProven: true });
    expect(tried(FORBIDDEN)).not.toHaveProperty("trouble");
    expect(tried({ kind: "accepted" })).not.toHaveProperty("trouble");
    expect(tried({ kind: "accepted" }).acceptedMs).toBe(-Infinity); // nothing has been canceled
    expect(tried({ kind: "accepted" }, LOST)).toMatchObject({ isProven: false, trouble: { kind: "unanswered" } });
  });

  it("knows since when a call has not been answered", () => {
    const recent = new RecentCalls();
    const [first, second] = [aSentCall(10), aSentCall(20)];
    recent.sent(first);
    recent.sent(second);
    expect(recent.trend).toMatchObject({ unansweredSinceMs: 10, sentMs: 20 });
    recent.ended(first, anEnd(first, { kind: "accepted" }));
    expect(recent.trend.unansweredSinceMs).toBe(20);
  });
});
