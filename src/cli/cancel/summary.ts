// Writes the end of a run, as text or as JSON: how many devices ended how, and what to do about the
// rest.
import type { Outcome } from "../../client/client.js";
import { count, counted, duration } from "../terminal/figures.js";
import type { Paint } from "../terminal/paint.js";
import { table } from "../terminal/table.js";
import type { NameCounts } from "./name-list.js";
import type { FailureGroup, OutcomeCounts } from "./outcome-counts.js";
import type { Unwritten } from "./results-file.js";

export interface RunReport {
  readonly counts: OutcomeCounts;
  readonly names: NameCounts;
  readonly invalid: readonly string[];
  readonly calls: number;
  readonly durationMs: number;
  /** The run ended before its names did. */
  readonly isInterrupted: boolean;
  readonly output: string | undefined;
  /** Results that are missing from the output. */
  readonly unwritten: Unwritten | undefined;
  /** The command that continues this run. */
  readonly resume: string | undefined;
}

const WORDS: Record<Outcome, string> = {
  ACCEPTED: "accepted",
  VERIFIED_CANCELED: "canceled, read back",
  ALREADY_FINISHED: "finished already",
  NO_TASK: "no task left",
  REJECTED: "rejected",
  UNKNOWN: "unknown",
  NOT_ATTEMPTED: "not attempted",
};

const GROUPS = 8;

/**
 * Whether every device ended well, in this run or the one that it continues, and the output is
 * complete.
 */
export function isComplete(report: RunReport): boolean {
  return isWell(report) && !report.unwritten;
}

function isWell({ counts, names, isInterrupted }: RunReport): boolean {
  return !isInterrupted && counts.failed === 0 && names.invalid === 0;
}

export function summaryJson(report: RunReport): object {
  const { counts, names, calls, durationMs, isInterrupted, output, unwritten, resume } = report;
  return {
    complete: isComplete(report),
    interrupted: isInterrupted,
    devices: counts.ok + counts.failed,
    ok: counts.ok,
    failed: counts.failed,
    outcomes: Object.fromEntries(counts.outcomes),
    failures: counts.failures,
    not_verified: counts.unverified,
    invalid_names: names.invalid,
    duplicates: names.duplicates,
    skipped: names.skipped,
    upstream_calls: calls,
    seconds: Math.round(durationMs) / 1000,
    ...(output && { output }),
    ...(unwritten && { unwritten: { results: unwritten.rows, message: unwritten.error.message } }),
    ...(resume && { resume }),
  };
}

export function summaryText(report: RunReport, paint: Paint): string {
  const { counts, names, calls, durationMs, output, unwritten, resume, isInterrupted } = report;
  const devices = counts.ok + counts.failed;
  const perCall =
    calls > 0 && calls <= devices && !isInterrupted ? `, ${(devices / calls).toFixed(1)} devices a call` : "";
  const parts = [
    `${counted(devices, "device")} in ${duration(durationMs)}, ${counted(calls, "call")}${perCall}`,
    table([
      ...[...counts.outcomes].map(([outcome, n]) => [WORDS[outcome], n, ""] as const),
      ...(names.skipped > 0 ? [["accepted before, skipped", names.skipped, ""] as const] : []),
      ...(names.duplicates > 0 ? [["listed more than once", names.duplicates, ""] as const] : []),
      ...(names.invalid > 0 ? [["invalid device names", names.invalid, ""] as const] : []),
    ]),
  ];
  parts.push(
    groupsText(counts.failures, ({ outcome, reason, message }) => `${WORDS[outcome]}: ${reason}\n    ${message}`),
    groupsText(counts.unverified, ({ message }) => `not verified: ${message}`),
  );
  if (report.invalid.length > 0) parts.push(invalidText(report));
  if (unwritten) parts.push(unwrittenText(unwritten));
  else if (output) parts.push(`Results by device: ${output}`);
  const verdict = verdictOn(report, paint);
  parts.push(resume ? `${verdict} To continue with the rest:\n  ${resume}` : verdict);
  return `${parts.filter((part) => part !== "").join("\n\n")}\n`;
}

function verdictOn(report: RunReport, paint: Paint): string {
  if (report.isInterrupted) return paint("yellow", "Stopped before the end.");
  if (!isWell(report)) return paint("red", "Not every device ended well.");
  if (!isComplete(report)) return paint("red", "Every device ended well, but not every result was written.");
  const unverified = report.counts.unverified.reduce((sum, { devices }) => sum + devices, 0);
  if (unverified === 0) return paint("green", "Every device ended well.");
  const are = unverified === 1 ? "is" : "are";
  return paint("yellow", `Every device ended well, but ${count(unverified)} ${are} not verified.`);
}

/** Says that a run that continues from here will cancel for some devices again. */
function unwrittenText({ rows, error }: Unwritten): string {
  const lacks = rows > 0 ? `It lacks ${counted(rows, "result")}` : "It may lack results";
  return `${error.message}.\n${lacks}; a run that resumes from it cancels for those devices again.`;
}

function groupsText(groups: readonly FailureGroup[], words: (group: FailureGroup) => string): string {
  const lines = groups.slice(0, GROUPS).map((group) => {
    const { devices, examples } = group;
    const rest = devices > examples.length ? `, and ${count(devices - examples.length)} more` : "";
    return `  ${counted(devices, "device")} ${words(group)}\n    ${examples.join(", ")}${rest}`;
  });
  const others = groups.length > GROUPS ? [`  and ${groups.length - GROUPS} more reasons`] : [];
  return [...lines, ...others].join("\n");
}

function invalidText({ invalid, names }: RunReport): string {
  const rest = names.invalid - invalid.length;
  return [...invalid.map((each) => `  ${each}`), ...(rest > 0 ? [`  and ${counted(rest, "line")} more`] : [])].join(
    "\n",
  );
}
