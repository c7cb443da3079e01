import { describe, expect, it } from "vitest";
import { OutcomeCounts } from "../../../../src/cli/cancel/outcome-counts.js";
import { resultRow } from "../../../../src/cli/cancel/result-row.js";
import { isComplete, type RunReport, summaryJson, summaryText } from "../../../../src/cli/cancel/summary.js";
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
  const nothing = { output: undefined, unwritten: undefined, resume: undefined };
  return { counts, names, invalid: [], calls: 1, durationMs: 100, isInterrupted: false, ...nothing };
}

const plain = (_: string, text: string) => text;

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
