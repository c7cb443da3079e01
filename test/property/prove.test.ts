// The chain from the ledger's rule to the flight recorder's verdict: a run with the real rule and
// an unkind network never seems to exceed the quota; a run that uses all tokens shows exactly N; a
// file falsified by one call, or by microseconds, shows N + 1.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Proof, prove } from "../../src/cli/prove/proof.js";
import { MARGIN_MS, tokenBackMs } from "../../src/limiter/token-rule.js";
import type { EndKind } from "../../src/observe/recorder/flight-record.js";
import { FlightRecorder } from "../../src/observe/recorder/recorder.js";
import { runs } from "../support/property-runs.js";
import { seededRandom } from "../support/seeded-random.js";
import { type CallLine, readText, written } from "../unit/observe/recorder/records.js";

/** The random course of one call. */
interface Luck {
  readonly idleMs: number;
  readonly end: EndKind;
  readonly tookMs: number;
}

interface Run {
  readonly callsPerSecond: number;
  readonly callTimeoutMs: number;
  /** How long the process has been running. */
  readonly startMs: number;
  readonly lucks: readonly Luck[];
}

const TOKEN_ENDS = {
  accepted: "answered",
  refused: "answered",
  throttled: "throttled",
  lost: "lost",
  unwritten: "unwritten",
} as const;

/** A sender as greedy as the rule allows: it sends at the moment a token is back. */
function record({ callsPerSecond, callTimeoutMs, startMs, lucks }: Run): FlightRecorder {
  let nowMs = startMs;
  const clock = { now: () => nowMs, wallNow: () => 1_767_225_600_000 + Math.floor(nowMs), at: () => () => {} };
  const fixed = { account: "default", replica: "gw", ledger: "in-process", marginMs: MARGIN_MS } as const;
  const recorder = new FlightRecorder({ clock, callsPerSecond, callTimeoutMs, ...fixed });
  const back = Array<number>(callsPerSecond).fill(startMs);
  let lastMs = nowMs;
  for (const { idleMs, end, tookMs } of lucks) {
    back.sort((a, b) => a - b);
    nowMs = Math.max(back.shift() as number, nowMs) + idleMs;
    // A call is abandoned at its timeout, or a little later if the process was busy.
    const endedMs = nowMs + (end === "lost" ? Math.min(tookMs, callTimeoutMs + 5000) : Math.min(tookMs, callTimeoutMs));
    recorder.sent(nowMs, 200).ended(endedMs, end);
    lastMs = Math.max(lastMs, endedMs);
    back.push(tokenBackMs(TOKEN_ENDS[end], nowMs, endedMs, callTimeoutMs));
  }
  nowMs = lastMs;
  return recorder;
}

async function proofOf(text: string): Promise<Proof> {
  return prove(await readText(text))[0] as Proof;
}

/** The file with other calls. */
function doctored(text: string, calls: readonly CallLine[]): string {
  const header = text.slice(0, text.indexOf("\n"));
  return [header, ...calls.map((call) => JSON.stringify(call))].join("\n");
}

const someMs = (max: number) =>
  fc.oneof(
    fc.double({ min: 0, max, noNaN: true }),
    fc.nat(max),
    fc.nat(max * 1_000_000).map((ns) => ns / 1e6),
  );
/**
 * No call is answered within a microsecond. With a duration of zero, rounding could not keep its
 * promise.
 */
const tookMs = (max: number) => someMs(max).map((ms) => Math.max(ms, 0.001));
const startMs = fc.oneof(fc.constant(0), someMs(1000), fc.double({ min: 0, max: 1e10, noNaN: true }));
const answeredLuck: fc.Arbitrary<Luck> = fc.record({
  idleMs: fc.oneof({ weight: 9, arbitrary: fc.constant(0) }, someMs(1500)),
  end: fc.oneof({ weight: 9, arbitrary: fc.constant("accepted" as const) }, fc.constantFrom("refused", "throttled")),
  tookMs: fc.oneof(tookMs(60), tookMs(3000)),
});
const anyLuck = fc.oneof(
  { weight: 9, arbitrary: answeredLuck },
  fc.record({
    idleMs: fc.constant(0),
    end: fc.constantFrom<EndKind[]>("lost", "lost", "unwritten"),
    tookMs: tookMs(9000),
  }),
);
const runOf = (luck: fc.Arbitrary<Luck>): fc.Arbitrary<Run> =>
  fc.record({
    callsPerSecond: fc.integer({ min: 1, max: 12 }),
    callTimeoutMs: fc.integer({ min: 100, max: 3000 }),
    startMs,
    lucks: fc.array(luck, { minLength: 20, maxLength: 150 }),
  });

describe("prove", () => {
  it("finds no second with too many in any run that keeps the rule", async () => {
    await fc.assert(
      fc.asyncProperty(runOf(anyLuck), async (run) => {
        const { mostArrivals } = await proofOf(written(record(run)).text);
        return mostArrivals <= run.callsPerSecond;
      }),
      { numRuns: runs(1000) },
    );
  });

  it("finds exactly N where all tokens are used at once", async () => {
    const greedy = runOf(answeredLuck.map((luck) => ({ ...luck, idleMs: 0 })));
    await fc.assert(
      fc.asyncProperty(greedy, async (run) => {
        const { mostArrivals } = await proofOf(written(record(run)).text);
        return mostArrivals === run.callsPerSecond;
      }),
      { numRuns: runs(300) },
    );
  });

  it("finds N + 1 once any one call was sent three microseconds before its token was back", async () => {
    // Without idle time each call but the first N is sent when the first of N tokens is back.
    const tight = runOf(
      anyLuck.map((luck) => ({ ...luck, idleMs: 0, end: luck.end === "unwritten" ? "lost" : luck.end })),
    );
    await fc.assert(
      fc.asyncProperty(tight, fc.nat(), async (run, nth) => {
        const { text, calls } = written(record(run));
        const moved = run.callsPerSecond + (nth % (calls.length - run.callsPerSecond));
        const early = (call: CallLine) => ({ ...call, sent: Math.round(call.sent * 1000 - 3) / 1000 });
        const { mostArrivals } = await proofOf(
          doctored(
            text,
            calls.map((call, n) => (n === moved ? early(call) : call)),
          ),
        );
        return mostArrivals === run.callsPerSecond + 1;
      }),
      { numRuns: runs(1000) },
    );
  });

  it("says 10 for half an hour with jitter, and 11 once a call was added or moved", async () => {
    const random = seededRandom(7);
    const lucks = Array.from({ length: 16_000 }, (): Luck => {
      const jitterMs = 5 + 60 * random() ** 3;
      return random() < 0.002
        ? { idleMs: 0, end: "lost", tookMs: 10_000 }
        : { idleMs: random() < 0.1 ? 20 * random() : 0, end: "accepted", tookMs: jitterMs };
    });
    const { text, calls } = written(record({ callsPerSecond: 10, callTimeoutMs: 10_000, startMs: 123.456789, lucks }));
    const proof = await proofOf(text);
    expect(proof.mostArrivals).toBe(10);
    expect(proof.coverage[0]).toMatchObject({ calls: 16_000 });

    const other = calls[8000] as CallLine;
    expect((await proofOf(doctored(text, [...calls, other]))).mostArrivals).toBe(11);

    const [target = other] = calls.slice(12_000);
    const moved = calls.map((call) =>
      call === other ? { ...call, sent: target.sent, ended: target.ended ?? 0 } : call,
    );
    expect((await proofOf(doctored(text, moved))).mostArrivals).toBe(11);
  });
});
