// Tests the rule by random histories: whatever the network does, no second contains more than N
// arrivals at the upstream. It also tests this test: small mutations of the rule make it fail.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { TokenEnd } from "../../src/gateway/limiter.js";
import { MARGIN_MS, OPENING_MS, tokenBackMs, WINDOW_MS } from "../../src/limiter/token-rule.js";

/** The random course of one call. Fractions are relative to what is possible. */
interface Luck {
  readonly idleMs: number;
  readonly end: "answered" | "timed out" | "reset" | "unwritten" | "crash";
  readonly outFraction: number;
  readonly answerMs: number;
  readonly endFraction: number;
  readonly restartMs: number;
}

/** The rule under test, and its surroundings. */
interface Rule {
  backMs(end: TokenEnd["kind"], sentMs: number, endedMs: number, callTimeoutMs: number): number;
  readonly openingMs: number;
  /** The sender abandons a call after this time, and takes that for its end. */
  readonly givesUpAfterMs: number;
}

const RULE: Rule = { backMs: tokenBackMs, openingMs: OPENING_MS, givesUpAfterMs: Infinity };

/**
 * A sender as greedy as the rule allows: it sends whenever a token is back. Returns when the
 * upstream counted each call.
 */
function arrivals(rule: Rule, tokens: number, callTimeoutMs: number, history: readonly Luck[]): number[] {
  let counted: number[] = [];
  let back: number[] = Array(tokens).fill(rule.openingMs);
  let nowMs = 0;
  for (const luck of history) {
    back.sort((a, b) => a - b);
    const sentMs = Math.max(back.shift() as number, nowMs) + luck.idleMs;
    nowMs = sentMs;
    const within = (ms: number, fraction: number) => sentMs + ms * fraction;
    switch (luck.end) {
      case "unwritten":
        back.push(rule.backMs("unwritten", sentMs, within(callTimeoutMs, luck.endFraction), callTimeoutMs));
        break;
      case "answered": {
        const answeredMs = Math.min(sentMs + luck.answerMs, sentMs + callTimeoutMs);
        counted.push(sentMs + (answeredMs - sentMs) * luck.outFraction);
        const endedMs = Math.min(answeredMs, sentMs + rule.givesUpAfterMs);
        back.push(rule.backMs("answered", sentMs, endedMs, callTimeoutMs));
        break;
      }
      case "timed out":
        counted.push(within(callTimeoutMs + MARGIN_MS, luck.outFraction));
        back.push(rule.backMs("lost", sentMs, sentMs + callTimeoutMs, callTimeoutMs));
        break;
      case "reset": {
        const endedMs = within(callTimeoutMs, luck.endFraction);
        counted.push(sentMs + (endedMs + MARGIN_MS - sentMs) * luck.outFraction);
        back.push(rule.backMs("lost", sentMs, endedMs, callTimeoutMs));
        break;
      }
      case "crash": {
        // The process dies just after sending. Its call is in transit no longer than the margin,
        // and its successor, which does not know about it, opens with all tokens out.
        counted.push(sentMs + MARGIN_MS * luck.outFraction);
        counted = counted.map((countedMs) => Math.min(countedMs, sentMs + MARGIN_MS));
        nowMs = sentMs + luck.restartMs;
        back = Array(tokens).fill(nowMs + rule.openingMs);
        break;
      }
    }
  }
  return counted.sort((a, b) => a - b);
}

const tokens = fc.integer({ min: 1, max: 50 });
const callTimeoutMs = fc.integer({ min: 100, max: 3000 });
const fraction = fc.double({ min: 0, max: 1, noNaN: true });
const luck: fc.Arbitrary<Luck> = fc.record({
  // Mostly none: a greedy sender is the hard case.
  idleMs: fc.oneof({ weight: 9, arbitrary: fc.constant(0) }, fc.integer({ min: 0, max: 1500 })),
  end: fc.oneof(
    { weight: 20, arbitrary: fc.constant("answered" as const) },
    fc.constantFrom("timed out" as const, "reset" as const, "unwritten" as const, "crash" as const),
  ),
  outFraction: fc.oneof(fc.constantFrom(0, 1), fraction),
  answerMs: fc.oneof(fc.integer({ min: 0, max: 60 }), fc.integer({ min: 0, max: 3000 })),
  endFraction: fraction,
  restartMs: fc.integer({ min: 0, max: 500 }),
});

function holds(rule: Rule) {
  const history = fc.array(luck, { minLength: 20, maxLength: 300 });
  return fc.property(tokens, callTimeoutMs, history, (n, timeoutMs, lucks) => {
    const counted = arrivals(rule, n, timeoutMs, lucks);
    for (const [i, first] of counted.entries()) {
      const next = counted[i + n];
      // A second [t, t + 1 s) that begins with one arrival must not hold N more.
      if (next !== undefined && next - first < WINDOW_MS - 1e-6) return false;
    }
    return true;
  });
}

describe("tokenBackMs and OPENING_MS", () => {
  it("let no second hold more than N arrivals, whatever the network does", () => {
    fc.assert(holds(RULE), { numRuns: 5000 });
  });

  const mutations: Record<string, Rule> = {
    "a token that comes back one second after sending": { ...RULE, backMs: (_, sentMs) => sentMs + WINDOW_MS },
    "a sender that gives sent calls up early": { ...RULE, givesUpAfterMs: 20 },
    "a lost call that counts as answered when it is given up": {
      ...RULE,
      backMs: (end, sentMs, endedMs, timeoutMs) =>
        tokenBackMs(end === "lost" ? "answered" : end, sentMs, endedMs, timeoutMs),
    },
    "a lost call whose request may not be travelling any more": {
      ...RULE,
      backMs: (end, sentMs, endedMs, timeoutMs) =>
        tokenBackMs(end, sentMs, endedMs, timeoutMs) - (end === "lost" ? MARGIN_MS : 0),
    },
    "a ledger that opens with all tokens free": { ...RULE, openingMs: 0 },
    "a ledger that opens before a predecessor's calls have arrived": { ...RULE, openingMs: OPENING_MS - MARGIN_MS },
  };
  it.each(Object.entries(mutations))("are tested by histories that would find %s", (_, mutated) => {
    expect(fc.check(holds(mutated), { numRuns: 2000 }).failed).toBe(true);
  });
});
