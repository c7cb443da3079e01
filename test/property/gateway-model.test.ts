// The whole gateway against a reference, with commands in any order: callers ask and leave, the
// upstream answers each call in any way or never, the ledger pauses, goes away and fails, time
// passes, and the gateway drains. The reference (support/gateway-reference.ts) says what every
// caller is owed.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Command } from "../../src/gateway/command.js";
import type { CallEnd } from "../../src/gateway/upstream.js";
import { aScope, names } from "../support/fake-command.js";
import { DEVICE_FAULT, REJECTED, refused, THROTTLED, UNAVAILABLE } from "../support/fake-upstream.js";
import { GatewayWorld } from "../support/gateway-world.js";
import { runs } from "../support/property-runs.js";

/** The facts that decide which commands make sense. */
interface Model {
  isDraining: boolean;
  isAway: boolean;
}

type Step = fc.AsyncCommand<Model, GatewayWorld>;

/** A command by name: when it makes sense, and what it does. */
function step(
  name: string,
  makesSense: (model: Model) => boolean,
  run: (world: GatewayWorld, model: Model) => unknown,
): Step {
  return {
    check: makesSense,
    async run(model, world) {
      await run(world, model);
      await world.settle();
    },
    toString: () => name,
  };
}

const always = () => true;
const SCOPES = [aScope("p1"), aScope("p1", "job"), aScope("p2")];

/** Longer than anything takes to finish, so that leftovers become visible. */
const HOUR_MS = 3_600_000;

const asked = fc
  .record({
    caller: fc.constantFrom("a", "b", "c"),
    scope: fc.constantFrom(...SCOPES),
    first: fc.nat(8),
    size: fc.integer({ min: 1, max: 9 }),
    withinMs: fc.constantFrom(40, 300, 1500, 6000, HOUR_MS, Infinity),
    priority: fc.constantFrom("urgent" as const, "normal" as const, "bulk" as const),
    requireAll: fc.boolean(),
  })
  .map(({ first, size, withinMs, ...rest }) =>
    step(`ask ${JSON.stringify({ first, size, withinMs, ...rest })}`, always, (world) => {
      const command: Partial<Command> = { ...rest, deviceNames: names(size, first) };
      world.ask({ ...command, answerByMs: world.clock.now() + withinMs });
    }),
  );

const ENDS: Readonly<Record<string, CallEnd>> = {
  throttled: THROTTLED,
  "throttled for 300 ms": refused({ kind: "throttled" }, { retryAfterMs: 300 }),
  unavailable: UNAVAILABLE,
  "a device's fault": DEVICE_FAULT,
  rejected: REJECTED,
  "ours, mended": refused({ kind: "internal", recovered: true }),
  ours: refused({ kind: "internal", recovered: false }),
  lost: { kind: "lost", message: "" },
  unwritten: { kind: "unwritten", message: "", ours: false },
  "without credentials": { kind: "unwritten", message: "", ours: true },
};

const answered = fc
  .record({ nth: fc.nat(3), how: fc.oneof(fc.constant("accepted"), fc.constantFrom(...Object.keys(ENDS))) })
  .map(({ nth, how }) =>
    step(`call ${nth} ends: ${how}`, always, (world) =>
      world.upstream.end(nth, ENDS[how] ?? { kind: "accepted", requestId: "" }),
    ),
  );

const passed = fc
  .constantFrom(0, 1, 30, 110, 400, 1000, 3000)
  .map((ms) => step(`${ms} ms pass`, always, (world) => world.clock.advance(ms)));

const others = fc.oneof(
  fc.nat(20).map((nth) => step(`${nth} leaves`, always, (world) => world.abort(nth))),
  fc.nat(20).map((nth) => step(`${nth} is withdrawn`, always, (world) => world.withdraw(nth))),
  fc.constant(
    step(
      "the ledger goes",
      ({ isAway }) => !isAway,
      (world, model) => {
        model.isAway = true;
        world.ledgerGoes();
      },
    ),
  ),
  fc.constant(
    step(
      "the ledger comes back",
      ({ isAway }) => isAway,
      (world, model) => {
        model.isAway = false;
        world.ledgerComesBack();
      },
    ),
  ),
  fc.constant(step("a take fails", always, (world) => world.takeFails())),
  fc.constant(step("a grant is too old", always, (world) => world.grantIsOld())),
  fc.constant(step("planning", always, (world) => world.plan())),
);

const drained = fc.constantFrom(0, 200, 5000).map((withinMs) =>
  step(
    `it drains within ${withinMs} ms`,
    ({ isDraining }) => !isDraining,
    (world, model) => {
      model.isDraining = true;
      world.drain(withinMs);
    },
  ),
);

const steps = fc.commands(
  [
    asked,
    asked,
    asked,
    answered,
    answered,
    passed,
    passed,
    others,
    fc.oneof({ weight: 1, arbitrary: drained }, { weight: 5, arbitrary: passed }),
  ],
  { maxCommands: 60, size: "max" },
);

describe("Gateway", () => {
  it("owes everybody one true answer in time, whatever callers, upstream, ledger and time do", async () => {
    await fc.assert(
      fc.asyncProperty(steps, fc.constantFrom(0, 500), async (commands, openingMs) => {
        const world = new GatewayWorld({ openingMs });
        await fc.asyncModelRun(() => ({ model: { isDraining: false, isAway: false }, real: world }), commands);
        await world.end();
        expect(world.upstream.calls.every(({ ended }) => ended)).toBe(true);
      }),
      { numRuns: runs(300) },
    );
  });
});
