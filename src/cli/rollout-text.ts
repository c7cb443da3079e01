// Describes a rollout in 80 columns: a few lines for each batch, and the sum of all.
import { visible } from "../base/visible-text.js";
import type { JobCounts, Rollout, RolloutJob } from "../client/client.js";
import { count, counted } from "./terminal/figures.js";
import type { Paint } from "./terminal/paint.js";
import { wrapped } from "./terminal/wrapped.js";

type State = keyof JobCounts;

const OPEN: readonly (readonly [State, string])[] = [
  ["confirm", "to be confirmed"],
  ["queued", "queued"],
  ["notified", "notified"],
  ["inProgress", "in progress"],
];
const OVER: readonly (readonly [State, string])[] = [
  ["succeeded", "succeeded"],
  ["failed", "failed"],
  ["canceled", "canceled"],
];

/** `noteOf`: a line to add to a batch. */
export function rolloutText(
  { jobs, readTime }: Rollout,
  paint: Paint,
  noteOf: (job: RolloutJob) => string = () => "",
): string {
  const read = readTime ? `, read at ${timeText(readTime)}` : "";
  if (jobs.length === 0) return `no update batch of this package for this product${read}\n`;
  const batches = jobs.map((job) => jobText(job, noteOf(job), paint)).join("");
  return `${jobs.length === 1 ? "1 update batch" : `${count(jobs.length)} update batches`}${read}\n\n${batches}${sumText(jobs)}\n`;
}

function jobText(
  { jobId, kind, status, createTime, counts, incomplete }: RolloutJob,
  added: string,
  paint: Paint,
): string {
  const head = [paint("bold", visible(jobId)), kind.toLowerCase(), visible(status) || "status unknown"];
  const created = createTime ? `    created ${timeText(createTime)}\n` : "";
  const lines = [...countLines(counts), added].filter((line) => line !== "");
  const note = incomplete ? `    ${paint("yellow", `incomplete: ${visible(incomplete)}`)}\n` : "";
  return `  ${head.join("  ")}\n${created}${lines.map((line) => `    ${wrapped(line, 74).replaceAll("\n", "\n    ")}\n`).join("")}${note}\n`;
}

/** The tasks that can still be canceled, and the others; what was not counted is left out. */
export function countLines(counts: JobCounts): string[] {
  return [statesText("open", counts, OPEN), statesText("over", counts, OVER)].filter((line) => line !== "");
}

/** Leaves out what was not counted, and states without tasks. */
function statesText(name: string, counts: JobCounts, states: typeof OPEN): string {
  const known = states.filter(([state]) => counts[state] !== undefined);
  if (known.length === 0) return "";
  const some = known.filter(([state]) => counts[state] !== 0);
  const sum = known.reduce((total, [state]) => total + (counts[state] ?? 0), 0);
  const parts = some.map(([state, word]) => `${count(counts[state] ?? 0)} ${word}`);
  return `${name} ${count(sum)}${parts.length > 0 ? `: ${parts.join(", ")}` : ""}`;
}

/** Each sum is a lower bound if one of its states was not counted where there can be such tasks. */
function sumText(jobs: readonly RolloutJob[]): string {
  const sum = (states: readonly State[], counted: readonly RolloutJob[]) => {
    const all = jobs.reduce(
      (total, { counts }) => states.reduce((some, state) => some + (counts[state] ?? 0), total),
      0,
    );
    const isLeast = counted.some(({ counts }) => states.some((state) => counts[state] === undefined));
    return { all, least: isLeast ? "at least " : "" };
  };
  const unfinished = jobs.filter(({ status }) => !/^COMPLETED?$/.test(status)); // spelled in two ways
  const open = sum(["confirm", "queued", "notified", "inProgress"], unfinished);
  const havePackage = sum(["notified", "inProgress"], unfinished);
  const installed = sum(["succeeded"], jobs);
  return [
    `  ${open.least}${counted(open.all, "device")} can still be canceled.`,
    `  ${havePackage.least}${count(havePackage.all)} of them were notified, and may install the package all the same.`,
    `  ${installed.least}${counted(installed.all, "device")} ${installed.all === 1 ? "runs" : "run"} the new version already.`,
  ].join("\n");
}

/** In UTC: the gateway, the cloud and the reader may be in three time zones. */
function timeText(time: Date): string {
  return `${time.toISOString().slice(0, 19).replace("T", " ")} UTC`;
}
