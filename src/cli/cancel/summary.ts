// Writes the end of a run, as text or as JSON: how many devices ended how, and what to do about the
// rest.
import { visible } from "../../base/visible-text.js";
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
  /** Whether the list was read to its end. */
  readonly isWholeList: boolean;
  readonly calls: number;
  readonly durationMs: number;
  /** The run ended before its names did. */
  readonly isInterrupted: boolean;
  /**
   * The gateway or the upstream refused the list for a reason that is none of its devices, and
   * certainly none was canceled, now or before.
   */
  readonly isRefused: boolean;
  readonly output: string | undefined;
  /** Results that are missing from the output. */
  readonly unwritten: Unwritten | undefined;
  /** The command that continues this run. */
  readonly resume: string | undefined;
}

/** The words for each outcome. */
export const OUTCOME_WORDS: Record<Outcome, string> = {
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

/** Whether certainly no device was canceled, in this run or the one that it continues. */
export function isUntouched({ counts, names }: Pick<RunReport, "counts" | "names">): boolean {
  return counts.ok === 0 && names.skipped === 0 && !counts.outcomes.has("UNKNOWN");
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
    not_reached: notReached(report),
    ...(!report.isWholeList && { list_read_to_its_end: false }),
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
      ...[...counts.outcomes].map(([outcome, n]) => [OUTCOME_WORDS[outcome], n, ""] as const),
      ...(notReached(report) > 0 ? [["not reached", notReached(report), ""] as const] : []),
      ...(names.skipped > 0 ? [["accepted before, skipped", names.skipped, ""] as const] : []),
      ...(names.duplicates > 0 ? [["listed more than once", names.duplicates, ""] as const] : []),
      ...(names.invalid > 0 ? [["invalid device names", names.invalid, ""] as const] : []),
    ]),
  ];
  parts.push(
    groupsText(
      counts.failures,
      ({ outcome, reason, message }) => `${OUTCOME_WORDS[outcome]}: ${visible(reason)}\n    ${visible(message)}`,
    ),
    groupsText(counts.unverified, ({ message }) => `not verified: ${visible(message)}`),
  );
  if (report.invalid.length > 0) parts.push(report.invalid.map((each) => `  ${each}`).join("\n"));
  if (unwritten) parts.push(unwrittenText(unwritten));
  else if (output) parts.push(`Results by device: ${output}`);
  const verdict = verdictOn(report, paint);
  parts.push(resume ? `${verdict} To continue with the rest:\n  ${resume}` : verdict);
  return `${parts.filter((part) => part !== "").join("\n\n")}\n`;
}

/** Names of the list that the run had not begun with when it was stopped. */
function notReached({ counts, names }: RunReport): number {
  return names.taken - counts.ok - counts.failed;
}

function verdictOn(report: RunReport, paint: Paint): string {
  if (report.isRefused) return paint("red", "Refused: no device of the list was canceled.");
  if (report.isInterrupted) {
    const unread = report.isWholeList ? "" : " The list was not read to its end, so it may hold more devices.";
    return paint("yellow", `Stopped before the end.${unread}`);
  }
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
    return `  ${counted(devices, "device")} ${words(group)}\n    ${visible(examples.join(", "))}${rest}`;
  });
  const others = groups.length > GROUPS ? [`  and ${groups.length - GROUPS} more reasons`] : [];
  return [...lines, ...others].join("\n");
}
