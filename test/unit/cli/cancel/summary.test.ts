import { describe, expect, it } from "vitest";
import { OutcomeCounts } from "../../../../src/cli/cancel/outcome-counts.js";
import { resultRow } from "../../../../src/cli/cancel/result-row.js";
import {
  isComplete,
  isUntouched,
  type RunReport,
  summaryJson,
  summaryText,
} from "../../../../src/cli/cancel/summary.js";
import type { DeviceResult } from "../../../../src/client/client.js";

const SCOPE = { productKey: "a1", firmwareId: "f1" };
const READ = "its task could not be read: the upstream refused the call";
const LATE = "its task was not read back before the deadline; use a longer deadline";

function unverified(deviceName: string, message: string, upstreamCode?: string): DeviceResult {
  const told = { reason: "NOT_VERIFIED", code: "UNKNOWN", message, violations: [], devices: {} };
  return { deviceName, outcome: "ACCEPTED", ok: true, failure: { ...told, ...(upstreamCode && { upstreamCode }) } };
}

function reportOf(...results: DeviceResult[]): RunReport {
  const counts = new OutcomeCounts();
  for (const result of results) counts.count(result);
  const names = { taken: results.length, duplicates: 0, invalid: 0, skipped: 0 };
  const nothing = { isWholeList: true, output: undefined, unwritten: undefined, resume: undefined };
  return { counts, names, invalid: [], calls: 1, durationMs: 100, isInterrupted: false, isRefused: false, ...nothing };
}

const plain = (_: string, text: string) => text;

describe("the summary of a run that was stopped", () => {
  const sent = reportOf(
    { deviceName: "dev-0", outcome: "ACCEPTED", ok: true },
    { deviceName: "dev-1", outcome: "NOT_ATTEMPTED", ok: false },
  );
  const names = { taken: 5, duplicates: 2, invalid: 1, skipped: 4 };

  it("accounts for every line of the list, reached or not", () => {
    const report = { ...sent, names, isInterrupted: true };
    expect(summaryText(report, plain)).toMatch(
      /accepted +1\n +not attempted +1\n +not reached +3\n +accepted before, skipped +4\n +listed more than once +2\n +invalid device names +1\n/,
    );
    expect(summaryText(report, plain)).toMatch(/Stopped before the end\.\n$/);
    expect(summaryJson(report)).toMatchObject({
      devices: 2,
      not_reached: 3,
      skipped: 4,
      duplicates: 2,
      invalid_names: 1,
    });
  });

  it("says so if there may be more than was read", () => {
    const report = { ...sent, isInterrupted: true, isWholeList: false };
    expect(summaryText(report, plain)).toContain("The list was not read to its end, so it may hold more devices.");
    expect(summaryJson(report)).toMatchObject({ not_reached: 0, list_read_to_its_end: false });
  });

  it("says that nothing was canceled if the whole list was refused (was: stopped before the end)", () => {
    const none = reportOf({ deviceName: "dev-1", outcome: "NOT_ATTEMPTED", ok: false });
    const refused = { isInterrupted: true, isRefused: true };
    expect(summaryText({ ...none, ...refused }, plain)).toMatch(/\nRefused: no device of the list was canceled\.\n$/);
  });

  it("claims that nothing was canceled only if that is certain (was: also with UNKNOWN devices)", () => {
    const none = reportOf({ deviceName: "dev-1", outcome: "NOT_ATTEMPTED", ok: false });
    expect(isUntouched(none)).toBe(true);
    expect(isUntouched(sent)).toBe(false);
    expect(isUntouched(reportOf({ deviceName: "dev-1", outcome: "UNKNOWN", ok: false }))).toBe(false);
    expect(isUntouched({ ...none, names: { ...none.names, skipped: 1 } })).toBe(false);
  });

  it("spells out what a terminal would take for a command, in names and in messages", () => {
    const failure = { reason: "R\u009b2J", code: "NOT_FOUND", message: "no\u009b2J", violations: [], devices: {} };
    const report = reportOf({ deviceName: "dev\u202e", outcome: "REJECTED", ok: false, failure });
    expect(summaryText(report, plain)).not.toMatch(/[^\P{C}\n]/u);
    expect(summaryText(report, plain)).toContain("no\\u{9B}2J\n    dev\\u{202E}\n");
  });
});

describe("the summary of a run with --verify", () => {
  const report = reportOf(
    unverified("dev-0", READ, "iot.ota.InvalidJobId"),
    unverified("dev-1", LATE),
    unverified("dev-2", READ, "iot.ota.InvalidJobId"),
    { deviceName: "dev-3", outcome: "VERIFIED_CANCELED", ok: true },
  );

  it("tells which were accepted and could not be read back, and why (was: every device ended well)", () => {
    const text = summaryText(report, plain);
    expect(text).toContain(`  2 devices not verified: ${READ}\n    dev-0, dev-2\n`);
    expect(text).toContain(`  1 device not verified: ${LATE}\n    dev-1\n`);
    expect(text).toContain("Every device ended well, but 3 are not verified.");
    expect(isComplete(report)).toBe(true); // what they were asked for was done
  });

  it("tells it in JSON, beside the failures", () => {
    expect(summaryJson(report)).toMatchObject({
      complete: true,
      failed: 0,
      failures: [],
      not_verified: [
        { outcome: "ACCEPTED", reason: "NOT_VERIFIED", message: READ, devices: 2, examples: ["dev-0", "dev-2"] },
        { outcome: "ACCEPTED", reason: "NOT_VERIFIED", message: LATE, devices: 1, examples: ["dev-1"] },
      ],
    });
  });

  it("says nothing of it where all were read back", () => {
    const well = reportOf({ deviceName: "dev-3", outcome: "VERIFIED_CANCELED", ok: true });
    expect(summaryText(well, plain)).toMatch(/\n\nEvery device ended well\.\n$/);
    expect(summaryJson(well)).toMatchObject({ not_verified: [] });
  });
});

describe("a line of results", () => {
  it("says BATCH_REJECTED of what was not told apart (was: that good devices do not exist)", () => {
    const told = { reason: "BATCH_REJECTED", code: "UNKNOWN", message: "with others", violations: [], devices: {} };
    const failure = { ...told, upstreamCode: "iot.device.NotExistedDevice" };
    const row = resultRow({ deviceName: "dev-0", outcome: "UNKNOWN", ok: false, failure }, SCOPE, new Date(0));
    expect(row).toMatchObject({ outcome: "UNKNOWN", reason: "BATCH_REJECTED", message: "with others" });
    const rejected = { ...failure, reason: "REJECTED" };
    const other = resultRow(
      { deviceName: "dev-1", outcome: "REJECTED", ok: false, failure: rejected },
      SCOPE,
      new Date(0),
    );
    expect(other.reason).toBe("iot.device.NotExistedDevice");
  });

  it("says NOT_VERIFIED, and not only why the upstream refused to read (was: the code of a failure)", () => {
    const row = resultRow(unverified("dev-0", READ, "iot.ota.InvalidJobId"), SCOPE, new Date(0));
    expect(row).toMatchObject({ outcome: "ACCEPTED", reason: "NOT_VERIFIED", message: READ });
  });
});
