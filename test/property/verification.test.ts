// However callers, tasks, time and the upstream behave: a request with `verify` gets one result for
// each device, in time, and each result is what a list said that was requested after the cancel and
// received before the answer.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Scope } from "../../src/gateway/command.js";
import type { Request } from "../../src/gateway/gateway.js";
import type { CallEnd } from "../../src/gateway/upstream.js";
import type { Answer } from "../../src/gateway/waiter.js";
import type { ReadEnd } from "../../src/verification/task-reader.js";
import { aScope, names } from "../support/fake-command.js";
import type { ReadReply, SeenRead } from "../support/fake-task-reader.js";
import { accepted, DEVICE_FAULT, LOST, REJECTED, THROTTLED, UNAVAILABLE, UNWRITTEN } from "../support/fake-upstream.js";
import { runs } from "../support/property-runs.js";
import { startVerifying } from "../support/verifying.js";

const SCOPES: readonly Scope[] = [aScope("product", "job-1"), aScope("product", "job-2"), aScope("product")];
const STATES = ["CONFIRM", "QUEUED", "IN_PROGRESS", "SUCCEEDED", "FAILED", "CANCELED", "none"];
const DEVICES = 130;

const step = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant("ask" as const),
      caller: fc.constantFrom("a", "b", "c"),
      scope: fc.constantFrom(...SCOPES),
      first: fc.nat(DEVICES - 1),
      size: fc.oneof(fc.integer({ min: 1, max: 3 }), fc.integer({ min: 1, max: 120 })),
      withinMs: fc.constantFrom(40, 300, 1500, 6000, Infinity),
      verify: fc.boolean(),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("abort" as const), nth: fc.nat(20) }) },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant("move" as const),
      first: fc.nat(DEVICES - 1),
      size: fc.integer({ min: 1, max: 40 }),
      state: fc.constantFrom(...STATES),
    }),
  },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant("pass" as const), ms: fc.constantFrom(0, 1, 30, 200, 900) }) },
);

const REFUSALS = [THROTTLED, UNAVAILABLE, DEVICE_FAULT, REJECTED, LOST, UNWRITTEN];
const delayMs = fc.constantFrom(0, 5, 20, 90, 700);
const cancels = fc.array(
  fc.record({ end: fc.oneof(fc.constant(accepted()), fc.constantFrom<CallEnd[]>(...REFUSALS)), delayMs }),
  { minLength: 1, maxLength: 10 },
);
const reads: fc.Arbitrary<ReadReply[]> = fc.array(
  fc.oneof(
    { weight: 3, arbitrary: fc.record({ delayMs }) },
    { weight: 1, arbitrary: fc.record({ delayMs, end: fc.constantFrom<ReadEnd[]>(...(REFUSALS as ReadEnd[])) }) },
  ),
  { minLength: 1, maxLength: 10 },
);

interface Asked {
  readonly request: Request;
  readonly scope: Scope;
  readonly deviceNames: readonly string[];
  readonly verify: boolean;
  readonly askedMs: number;
  readonly byMs: number;
  toldMs?: number;
  answer?: Answer;
  tellings: number;
}

/** The outcome that a list with the device allows. */
function outcomeIn({ end }: SeenRead, name: string): string | undefined {
  if (end?.kind !== "accepted") return undefined;
  const [task] = end.list?.tasks.filter(({ deviceName }) => deviceName === name) ?? [];
  if (!task) return "no-task";
  if (task.state === "CANCELED") return "verified-canceled";
  return task.state === "SUCCEEDED" || task.state === "FAILED" ? "already-finished" : undefined;
}

describe("a gateway that reads back", () => {
  it("tells of each device what is true of it, whatever happens", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 30 }), cancels, reads, async (steps, cancelReplies, readReplies) => {
        const world = startVerifying({ mostWithoutJob: 7 });
        const { clock, upstream, ofJob, unfinished, ask } = world;
        upstream.reply = (_, nth) => cancelReplies[nth % cancelReplies.length];
        for (const { reader } of [ofJob, unfinished]) {
          reader.reply = (_, nth) => readReplies[nth % readReplies.length] ?? {};
        }
        const all: Asked[] = [];
        for (const each of steps) {
          if (each.kind === "pass") await clock.advance(each.ms);
          if (each.kind === "abort") all[each.nth]?.request.abort();
          if (each.kind === "move") {
            for (const name of names(each.size, each.first)) {
              for (const { reader } of [ofJob, unfinished]) {
                if (each.state === "none") reader.tasks.delete(name);
                else reader.set(name, each.state);
              }
            }
          }
          if (each.kind === "ask") {
            const { caller, scope, verify, withinMs } = each;
            const [deviceNames, askedMs] = [names(each.size, each.first), clock.now()];
            try {
              const request = ask({ caller, scope, verify, deviceNames, answerByMs: askedMs + withinMs });
              const asked: Asked = {
                ...{ request, scope, deviceNames, verify, askedMs, byMs: askedMs + withinMs },
                tellings: 0,
              };
              void request.told.then((answer) => {
                Object.assign(asked, { answer, toldMs: clock.now() });
                asked.tellings++;
              });
              all.push(asked);
            } catch {
              // the deadline is too short: refused at admission
            }
          }
        }
        await clock.advance(60_000);
        for (const { request } of all) request.abort(); // some upstreams never carry out anything
        await clock.advance(20_000);

        for (const { answer, toldMs = Infinity, tellings, deviceNames, verify, scope, askedMs, byMs } of all) {
          expect(tellings).toBe(1);
          expect(toldMs).toBeLessThanOrEqual(byMs);
          expect(answer?.outcomes).toHaveLength(deviceNames.length);
          for (const [index, outcome] of answer?.outcomes.entries() ?? []) {
            const name = deviceNames[index] as string;
            const explained = "unverified" in outcome && outcome.unverified !== undefined;
            if (!verify) expect(explained || /verified|finished|no-task/.test(outcome.kind)).toBe(false);
            if (verify && outcome.kind === "accepted") expect(explained).toBe(true);
            if (!/verified|finished|no-task/.test(outcome.kind)) continue;
            const calls = upstream.calls.filter(
              (call) => call.sentMs >= askedMs && call.deviceNames.includes(name) && call.scope === scope,
            );
            const canceledMs = Math.min(...calls.map(({ endedMs = Infinity }) => endedMs));
            const seen = (scope.jobId ? ofJob : unfinished).reader.calls.filter(
              (read) =>
                read.scope === scope &&
                read.deviceNames.includes(name) &&
                read.sentMs >= canceledMs &&
                (read.endedMs ?? Infinity) <= toldMs,
            );
            expect(seen.map((read) => outcomeIn(read, name))).toContain(outcome.kind);
          }
        }
        for (const { limiter } of [world, ofJob, unfinished]) expect(limiter.out).toBe(0);
        expect(clock.armed).toBe(0);
      }),
      { numRuns: runs(300) },
    );
  });
});

describe("cancels of others", () => {
  it("are sent at the very same times, whether anybody is read back or not", async () => {
    const sentTimes = async (verify: boolean) => {
      const { clock, upstream, ofJob, ask } = startVerifying();
      ofJob.reader.reply = (_, nth) => ({ delayMs: 20 + (nth % 7) * 200 });
      for (let n = 0; n < 60; n++) {
        ask({ caller: "verifying", deviceNames: names(3000, n * 3000), verify, answerByMs: clock.now() + 60_000 });
        ask({ caller: `plain-${n}`, scope: aScope("product"), deviceNames: names(1, n), verify: false });
        await clock.advance(1700);
      }
      const reads = ofJob.reader.calls.map(({ sentMs }) => sentMs);
      return { sent: upstream.calls.map(({ sentMs, deviceNames }) => [sentMs, deviceNames.length]), reads };
    };
    const [plain, verified] = [await sentTimes(false), await sentTimes(true)];
    expect(verified.reads.length).toBeGreaterThan(500); // as many as its own quota carries
    expect(verified.sent).toEqual(plain.sent);
  });
});
