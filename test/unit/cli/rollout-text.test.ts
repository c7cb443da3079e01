import { describe, expect, it } from "vitest";
import { rolloutText } from "../../../src/cli/rollout-text.js";
import type { JobCounts, RolloutJob } from "../../../src/client/client.js";

const ZERO: JobCounts = { confirm: 0, queued: 0, notified: 0, inProgress: 0, succeeded: 0, failed: 0, canceled: 0 };
const readTime = new Date("2026-01-01T03:00:00Z");

function aJob(more: Partial<RolloutJob> = {}): RolloutJob {
  const rest = { createTime: new Date("2025-12-31T22:10:09.566Z"), incomplete: "", countTime: readTime };
  return {
    jobId: "XVXzWor5K9AD11000003020200",
    kind: "DYNAMIC",
    status: "IN_PROGRESS",
    counts: ZERO,
    ...rest,
    ...more,
  };
}

const textOf = (...jobs: RolloutJob[]) => rolloutText({ jobs, etag: "", readTime }, (_, text) => text);

describe("rolloutText", () => {
  it("spells out what a terminal would obey (was: printed it)", () => {
    const text = textOf(aJob({ jobId: "a\u009b2J", status: "b\u009b2J", incomplete: "c\u009b2J" }));
    expect(text).not.toMatch(/[^\P{C}\n]/u);
    for (const letter of ["a", "b", "c"]) expect(text).toContain(`${letter}\\u{9B}2J`);
  });

  it("shows each batch with its devices by state, and what can be stopped of all", () => {
    const counts = { ...ZERO, queued: 880_000, notified: 20_000, inProgress: 5000, succeeded: 30_500, canceled: 1 };
    const text = textOf(aJob({ counts }), aJob({ jobId: "2", kind: "VERIFY", status: "COMPLETED" }));
    expect(text).toBe(`2 update batches, read at 2026-01-01 03:00:00 UTC

  XVXzWor5K9AD11000003020200  dynamic  IN_PROGRESS
    created 2025-12-31 22:10:09 UTC
    open 905,000: 880,000 queued, 20,000 notified, 5,000 in progress
    over 30,501: 30,500 succeeded, 1 canceled

  2  verify  COMPLETED
    created 2025-12-31 22:10:09 UTC
    open 0
    over 0

  905,000 devices can still be canceled.
  25,000 of them were notified, and may install the package all the same.
  30,500 devices run the new version already.
`);
  });

  it("says what was not counted, and claims nothing about it", () => {
    const counts = { ...ZERO, queued: 1, succeeded: undefined, failed: undefined, canceled: undefined };
    const text = textOf(aJob({ counts, incomplete: "SUCCEEDED, FAILED, CANCELED: not counted yet" }));
    expect(text).toContain("    open 1: 1 queued\n    incomplete: SUCCEEDED, FAILED, CANCELED: not counted yet\n");
    expect(text).not.toContain("over");
    expect(text).toContain("  1 device can still be canceled.\n");
    expect(text).toContain("  at least 0 devices run the new version already.\n");
  });

  it("does not take for 0 what was not counted (was: 0 devices can still be canceled)", () => {
    const unread = { ...ZERO, confirm: undefined, inProgress: undefined };
    const text = textOf(aJob(), aJob({ counts: unread, incomplete: "not counted yet" }));
    expect(text).toContain("  at least 0 devices can still be canceled.\n  at least 0 of them were notified");
    const over = textOf(aJob(), aJob({ counts: unread, status: "COMPLETED", incomplete: "not counted: it is over" }));
    expect(over).toContain("  0 devices can still be canceled.\n  0 of them were notified");
  });

  it("fits 80 columns with a million devices in every state", () => {
    const many = Object.fromEntries(Object.keys(ZERO).map((state) => [state, 1_000_000])) as unknown as JobCounts;
    for (const line of textOf(aJob({ counts: many })).split("\n")) expect(line.length).toBeLessThanOrEqual(80);
  });

  it("says that there is none", () => {
    expect(textOf()).toBe("no update batch of this package for this product, read at 2026-01-01 03:00:00 UTC\n");
  });
});
