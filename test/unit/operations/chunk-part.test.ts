import { describe, expect, it } from "vitest";
import type { Answer } from "../../../src/gateway/waiter.js";
import { ChunkPart, type ChunkPartOptions } from "../../../src/operations/chunk-part.js";
import { aCommand } from "../../support/fake-command.js";
import { settle } from "../../support/hand-clock.js";

const ANSWER: Answer = { outcomes: [{ kind: "accepted" }], callIndexes: [0], calls: [], quotaWaitMs: 0 };

/** A part of one device, whose task is read back. */
function start(options: Partial<ChunkPartOptions> & Partial<ChunkPartOptions["gateway"]>) {
  const failed: unknown[] = [];
  const left: unknown[] = [];
  const request = { answer: Promise.resolve(ANSWER), told: Promise.resolve(ANSWER) };
  const part = new ChunkPart({
    gateway: {
      cancel: () => ({ ...request, abort: () => {}, withdraw: () => {}, recall: () => {} }),
      verify: async (_, answer) => answer,
      leaveVerify: () => {},
      ...options,
    },
    ...{ command: aCommand(), span: undefined, indexes: [7], verifyUntilMs: 1000, sendUntilMs: () => Infinity },
    ...{ sent: () => {}, settled: () => true, over: (devices) => void left.push(...devices) },
    failed: (error) => void failed.push(error),
    ...options,
  });
  part.start();
  return { failed, left };
}

describe("ChunkPart", () => {
  it.each([
    ["reading back fails", { verify: () => Promise.reject(new Error("broken")) }],
    ["what was read back cannot be taken", { carriedOut: ANSWER.outcomes, settled: thrower }],
  ])("is over with what is known if %s (was: the process ended)", async (_, options) => {
    const { failed, left } = start(options);
    await settle();
    expect(failed).toEqual([new Error("broken")]);
    expect(left).toEqual("carriedOut" in options ? [] : [[7, { kind: "accepted" }]]);
  });

  it("reports an error of its end, and goes on (was: the process ended)", async () => {
    const { failed } = start({ over: thrower });
    await settle();
    expect(failed).toEqual([new Error("broken")]);
  });
});

function thrower(): never {
  throw new Error("broken");
}
