import { expect, it } from "vitest";
import type { Condition, ConditionKind } from "../../../src/gateway/account/condition.js";
import { ConditionLog } from "../../../src/serve/condition-log.js";
import { FakeLog } from "../../support/fake-log.js";
import { HandClock } from "../../support/hand-clock.js";

it("ConditionLog writes one line when an obstacle comes, changes its kind and goes, with the words that all others use", async () => {
  const clock = new HandClock();
  const log = new FakeLog();
  const conditions = new ConditionLog(clock, log);
  const is = async (kind: ConditionKind, obstacle = "", more: Partial<Condition> = {}) => {
    conditions.note("default", { kind, obstacle, isForeseeable: true, ...more });
    await clock.advance(1000);
  };
  const trouble = { kind: "refused", cause: "x", sinceMs: 0, endedMs: 0, callers: ["a"], otherCallers: 0 } as const;
  await is("opening", "the ledger is opening"); // as at every start
  await is("canceling");
  await is("refused", "every call is refused: x", { trouble });
  await is("refused", "every call is refused: y");
  await is("no-answers", "no call is answered");
  await is("idle");
  await is("throttled", "paused");
  await is("throttled");
  await is("throttled", "paused");
  await is("throttled", "every call", { isForeseeable: false });
  await is("throttled", "paused");
  await is("throttled", "every call", { isForeseeable: false });
  await is("canceling");
  expect(log.lines).toEqual([
    {
      level: "warn",
      fields: { account: "default", state: "refused", obstacle: "every call is refused: x", callers: ["a"] },
      message: "nothing is carried out at the moment",
    },
    {
      level: "warn",
      fields: { account: "default", state: "no-answers", obstacle: "no call is answered" },
      message: "nothing is carried out at the moment",
    },
    {
      level: "info",
      fields: { account: "default", state: "idle", was: "no-answers", lastedMs: 3000 },
      message: "the state of the account is good again",
    },
    {
      level: "warn",
      fields: { account: "default", state: "throttled", obstacle: "paused" },
      message: "nothing is carried out at the moment",
    },
    {
      level: "warn",
      fields: { account: "default", state: "throttled", obstacle: "every call" },
      message: "nothing is carried out at the moment",
    },
    {
      level: "info",
      fields: { account: "default", state: "canceling", was: "throttled", lastedMs: 6000 },
      message: "the state of the account is good again",
    },
  ]);
});
