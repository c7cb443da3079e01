// Histories of one loop under the hand clock: whatever comes, leaves, fails or throws, each token
// that was granted is settled exactly once (the fake limiter throws if one is settled twice), and
// no work is lost or sent after its end.
import fc from "fast-check";
import { expect, it } from "vitest";
import { CallLoop } from "../../src/gateway/call/call-loop.js";
import type { SentCall } from "../../src/gateway/call-observer.js";
import type { CallEnd } from "../../src/gateway/upstream.js";
import { FakeLimiter } from "../support/fake-limiter.js";
import { FakeLog } from "../support/fake-log.js";
import { accepted, LOST, THROTTLED, UNWRITTEN } from "../support/fake-upstream.js";
import { HandClock } from "../support/hand-clock.js";

const ENDS = [accepted(), accepted(), LOST, THROTTLED, UNWRITTEN];
/** What a client does in place of an answer. */
const FAULTS = ["throws", "rejects"] as const;

const anAnswer = fc.record({
  how: fc.oneof(
    { weight: 8, arbitrary: fc.constantFrom(...ENDS) },
    { weight: 2, arbitrary: fc.constantFrom(...FAULTS) },
  ),
  delayMs: fc.constantFrom(0, 20, 20, 300, 9000),
});

const aStep = fc.oneof(
  fc.record({ kind: fc.constant("come" as const), pieces: fc.integer({ min: 1, max: 8 }) }),
  fc.record({ kind: fc.constant("leave" as const), pieces: fc.integer({ min: 1, max: 8 }) }),
  fc.record({ kind: fc.constantFrom("wishAgain" as const, "stale" as const, "ledgerFails" as const) }),
  fc.record({ kind: fc.constant("unfit" as const), forMs: fc.constantFrom(50, 2000) }),
);

const aHistory = fc.record({
  steps: fc.array(fc.tuple(aStep, fc.constantFrom(0, 1, 20, 100, 1500)), { minLength: 1, maxLength: 30 }),
  answers: fc.array(anAnswer, { minLength: 1, maxLength: 10 }),
  perCall: fc.integer({ min: 1, max: 4 }),
  openingMs: fc.constantFrom(0, 700),
  closes: fc.boolean(),
});

type Batch = number[];

it("settles each token exactly once and loses no work, whatever comes, leaves, fails or throws", async () => {
  await fc.assert(
    fc.asyncProperty(aHistory, async ({ steps, answers, perCall, openingMs, closes }) => {
      const clock = new HandClock();
      const limiter = new FakeLimiter({ clock, openingMs });
      const waiting: number[] = [];
      const inCall = new Set<number>();
      const settled = new Set<number>();
      let come = 0;
      let left = 0;
      let calls = 0;
      let unfitUntilMs = 0;
      const loop = new CallLoop<Batch, { batch: Batch; waiters: []; sentCall: () => SentCall }, CallEnd>({
        account: "default",
        operation: "CancelOTATaskByDevice",
        clock,
        log: new FakeLog(),
        limiter,
        wish: () => (waiting.length > 0 ? { priority: "normal", newcomer: calls % 3 === 0 } : undefined),
        cut(token) {
          if (waiting.length === 0 || (clock.now() < unfitUntilMs && !token.newcomer)) return undefined;
          const batch = waiting.splice(0, perCall);
          for (const piece of batch) inCall.add(piece);
          return batch;
        },
        putBack(batch) {
          for (const piece of batch) inCall.delete(piece);
          waiting.unshift(...batch);
        },
        begin: (batch, sentMs, sentWallMs) => ({
          batch,
          waiters: [],
          sentCall: () => aCall(batch, sentMs, sentWallMs),
        }),
        send(batch) {
          expect(batch.every((piece) => inCall.has(piece) && !settled.has(piece))).toBe(true);
          const { how, delayMs } = answers[calls++ % answers.length] as (typeof answers)[number];
          if (how === "throws") throw new Error("the client is broken");
          return new Promise((resolve, reject) => {
            const answer = () => (how === "rejects" ? reject(new Error("the client is broken")) : resolve(how));
            clock.at(clock.now() + delayMs, answer);
          });
        },
        async conclude({ batch }, end) {
          const isOver = end.kind === "accepted" || calls > 200;
          if (!isOver) await loop.sleep(100);
          for (const piece of batch) inCall.delete(piece);
          if (!isOver) waiting.unshift(...batch);
          else for (const piece of batch) settled.add(piece);
        },
      });
      const isWhole = () => waiting.length + inCall.size + settled.size + left === come;
      loop.start();

      for (const [step, waitMs] of steps) {
        if (step.kind === "come") {
          for (let n = 0; n < step.pieces; n++) waiting.push(come++);
          loop.wake();
        } else if (step.kind === "leave") {
          left += waiting.splice(0, step.pieces).length;
          if (waiting.length === 0) loop.wishAgain();
        } else if (step.kind === "unfit") {
          unfitUntilMs = clock.now() + step.forMs;
          clock.at(unfitUntilMs, () => loop.wake());
        } else if (step.kind === "wishAgain") loop.wishAgain();
        else if (step.kind === "stale") limiter.staleGrants++;
        else limiter.failures++;
        await clock.advance(waitMs);
        expect(isWhole()).toBe(true);
      }

      if (!closes) {
        await clock.advance(3_600_000);
        expect([waiting.length, inCall.size]).toEqual([0, 0]);
      }
      const closing = loop.close();
      const begun = calls;
      await clock.advance(10_000);
      await closing;
      expect(calls).toBe(begun);
      expect([inCall.size, limiter.out, limiter.ends.length]).toEqual([0, 0, limiter.granted]);
      expect(isWhole()).toBe(true);
    }),
    { numRuns: 300 },
  );
});

function aCall(batch: Batch, sentMs: number, sentWallMs: number): SentCall {
  const scope = { productKey: "product", firmwareId: "firmware", jobId: "" };
  const about = { devices: batch.length, devicesByCaller: new Map(), attempt: 1, tokenWaitMs: 0 };
  return { sentMs, sentWallMs, ...scope, ...about };
}
