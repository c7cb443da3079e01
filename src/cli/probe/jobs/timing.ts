// Interprets the readings after a cancel by job: when it was applied, whether in portions, and how
// far the list of the batch lags behind that of the device. Claims no more than the readings show:
// a change lies between the last reading without it and the first one with it.
import type { JobFinding } from "./bench.js";

/** One reading, this long after the answer to the cancel. */
export interface Read {
  readonly by: "job" | "device";
  readonly atMs: number;
  /** Tasks that were canceled since, and tasks that are left. */
  readonly canceled: number;
  readonly open: number;
}

/** The last reading that still shows a task, and the first that shows none. */
interface Span {
  /** 0 if there was no such reading. */
  readonly afterMs: number;
  readonly byMs: number;
}

export function delayOf(reads: readonly Read[]): JobFinding {
  const span = spanOf(reads, "device");
  if (!span) return { note: "undecided: the device's task was left after a minute" };
  if (span.afterMs === 0) {
    return { choice: "0", note: `applied before the first reading by device, ${seconds(span.byMs)} after the answer` };
  }
  const note = `applied between ${seconds(span.afterMs)} and ${seconds(span.byMs)} after the answer, as the device's list shows it`;
  return { choice: String(Math.round(span.byMs)), note };
}

export function lagOf(reads: readonly Read[]): JobFinding {
  const ofDevice = spanOf(reads, "device");
  const ofJob = spanOf(reads, "job");
  if (!ofDevice || !ofJob) return { note: "undecided: one of the lists still shows tasks after a minute" };
  const leastMs = ofJob.afterMs - ofDevice.byMs;
  const mostMs = ofJob.byMs - ofDevice.afterMs;
  const both = "unless both lists lag alike";
  if (leastMs <= 0) return { choice: "0", note: `ListOTATaskByJob lags by ${seconds(mostMs)} at most, ${both}` };
  const note = `ListOTATaskByJob lags by ${seconds(leastMs)} to ${seconds(mostMs)} behind ListOTAUnfinishedTaskByDevice`;
  return { choice: String(Math.round(mostMs)), note };
}

/**
 * In portions if some reading shows a part. As a whole only if two readings show nothing and the
 * next one everything: portions that were evenly spread would have shown.
 */
export function appliedOf(reads: readonly Read[], tasks: number): JobFinding {
  const ofJob = reads.filter(({ by }) => by === "job");
  const part = ofJob.find(({ canceled, open }) => canceled > 0 && open > 0);
  if (part) {
    const note = `${part.canceled} of ${tasks} tasks were canceled ${seconds(part.atMs)} after the answer`;
    return { choice: "in-portions", note };
  }
  if (tasks < 2) return { note: "undecided: needs a batch with several unfinished tasks" };
  const untouched = ofJob.filter(({ canceled }) => canceled === 0).length;
  const isOver = ofJob.some(({ open }) => open === 0);
  if (!isOver) return { note: "undecided: tasks were left after a minute" };
  if (untouched < 2) return { note: "undecided: it was applied too soon to see how; then it does not matter" };
  return { choice: "whole", note: `${untouched} readings show no task canceled, the next one all of them` };
}

function spanOf(reads: readonly Read[], by: Read["by"]): Span | undefined {
  const own = reads.filter((read) => read.by === by);
  const first = own.find(({ open }) => open === 0);
  if (!first) return undefined;
  const before = own.filter(({ atMs, open }) => open > 0 && atMs < first.atMs);
  return { afterMs: Math.max(0, ...before.map(({ atMs }) => atMs)), byMs: first.atMs };
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}
