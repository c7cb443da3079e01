import { describe, expect, it } from "vitest";
import type { CancelListSpec } from "../../../src/operations/cancel-list.js";
import { FeedWindow } from "../../../src/operations/feed-window.js";
import { noOutcomes } from "../../../src/operations/outcomes.js";
import { LEFT } from "../../../src/operations/run-ending.js";
import { SCOPE } from "../../support/fake-command.js";
import { settle } from "../../support/hand-clock.js";

const SPEC: CancelListSpec = {
  ...{ requestId: "", account: "default", scope: SCOPE, reason: "", verify: false, timeToLiveMs: 3_600_000 },
  priority: "normal",
};

describe("FeedWindow", () => {
  it("withdraws everything else if one part cannot be withdrawn, and reports why (was: the process ended)", async () => {
    const failed: unknown[] = [];
    const recalled: string[] = [];
    const window = new FeedWindow({
      store: {
        feed: async (_, after) => {
          return { chunk: after + 1, names: [`device-${after + 1}`], outcomes: noOutcomes(1), fedBefore: false };
        },
      },
      gateway: {
        cancel: ({ deviceNames: [name = ""] }) => ({
          ...{ answer: new Promise(() => {}), told: new Promise(() => {}), abort: () => {}, withdraw: () => {} },
          recall: () => {
            recalled.push(name);
            if (name === "device-0") throw new Error("broken");
          },
        }),
        ...{ verify: async (_, answer) => answer, leaveVerify: () => {}, roomOf: () => 10_000 },
      },
      ...{ lease: { id: "1", epoch: 1 }, caller: "fleet", spec: SPEC, span: undefined },
      windows: { take: () => true, give: () => {} },
      ...{ sendUntilMs: () => Infinity, readUntilMs: () => Infinity, added: () => {}, sent: () => {} },
      ...{ settled: () => true, left: () => {}, over: () => {} },
      failed: (error) => void failed.push(error),
    });
    for (let chunk = 0; chunk < 3; chunk++) await window.feed();
    window.enterQueue();
    window.withdraw(LEFT);
    for (let part = 0; part < 3; part++) await settle();
    expect(recalled).toEqual(["device-0", "device-1", "device-2"]);
    expect(failed).toEqual([new Error("broken")]);
  });
});
