// Describes a stop in 80 columns: the verdict, each batch before and after, what may still install,
// and what to do next.
import { visible } from "../../base/visible-text.js";
import type { JobStop, OperationStatus, StopProgress } from "../../client/client.js";
import { countLines } from "../rollout-text.js";
import { counted } from "../terminal/figures.js";
import type { Paint } from "../terminal/paint.js";
import { wrapped } from "../terminal/wrapped.js";

const COLUMNS = 80;

export function stopText(status: OperationStatus, stop: StopProgress, paint: Paint): string {
  const parts = [verdict(status, stop, paint), ...stop.jobs.map((job) => jobText(job, paint)), advice(status, stop)];
  return `${parts.filter((part) => part !== "").join("\n\n")}\n`;
}

function verdict(
  { done, success, failure, devicesWaiting, stop }: OperationStatus,
  { jobs }: StopProgress,
  paint: Paint,
): string {
  if (success) return paint("green", "Stopped: nothing that was asked for is open any more.");
  if (failure) {
    const touched = jobs.some(({ callsMade, swept }) => callsMade + swept > 0);
    return paint(
      "red",
      wrapped(`${touched ? "Not finished" : "Nothing was changed"}: ${visible(failure.message)}`, COLUMNS),
    );
  }
  if (!done) return `Under way: ${counted(devicesWaiting, "task")} left. Step: ${(stop?.step ?? "").toLowerCase()}.`;
  if (devicesWaiting > 0) return paint("red", `Not stopped: ${counted(devicesWaiting, "task")} left.`);
  return paint("yellow", "Not proven to be stopped: see below what could not be known.");
}

function jobText(job: JobStop, paint: Paint): string {
  const { before, after, failure } = job;
  const read = after ?? before;
  const closed = job.strategyClosed ? "closed to new devices" : "";
  const head = [paint("bold", visible(job.jobId)), read?.kind.toLowerCase(), visible(read?.status ?? ""), closed]
    .filter(Boolean)
    .join("  ");
  const lines = [
    ...(before ? countLines(before.counts).map((line) => `before  ${line}`) : []),
    ...(after ? countLines(after.counts).map((line) => `now     ${line}`) : []),
    callsText(job),
    job.mayStillInstall > 0
      ? `at least ${counted(job.mayStillInstall, "device")} had the package, and may install it all the same`
      : "",
    job.left > 0 ? paint("yellow", `left: ${counted(job.left, "task")}`) : "",
    read?.incomplete ? paint("yellow", `not known: ${visible(read.incomplete)}`) : "",
    failure
      ? paint(
          "red",
          `refused: ${visible(failure.message)}${failure.upstreamCode ? ` (${visible(failure.upstreamCode)})` : ""}`,
        )
      : "",
  ];
  const texts = lines
    .filter((line) => line !== "")
    .map((line) => wrapped(line, COLUMNS - 4).replaceAll("\n", "\n    "));
  return [`  ${head}`, ...texts.map((line) => `    ${line}`)].join("\n");
}

function callsText({ callsMade, swept }: JobStop): string {
  const words = [
    ...(callsMade > 0 ? [`${counted(callsMade, "call")} on the whole batch`] : []),
    ...(swept > 0 ? [`${counted(swept, "device")} canceled one by one`] : []),
  ];
  return words.join(", ");
}

function advice({ name, done, durable }: OperationStatus, { jobs, stopped, otherOpenJobs }: StopProgress): string {
  const sum = (numberOf: (job: JobStop) => number) => jobs.reduce((all, job) => all + numberOf(job), 0);
  const [installed, mayInstall] = [sum((job) => job.alreadyInstalled), sum((job) => job.mayStillInstall)];
  const running = done ? [] : [`It goes on at the gateway${durable ? "" : ", as long as its process lives"}.`];
  const lines = [
    ...running,
    ...(installed > 0
      ? [`${counted(installed, "device")} ${installed === 1 ? "runs" : "run"} the new version already.`]
      : []),
    ...(mayInstall > 0
      ? [
          "The cloud cannot call back a package that a device knows of: for 24 hours, look at the versions that devices report.",
        ]
      : []),
    ...(otherOpenJobs.length > 0
      ? [
          `Not touched: ${otherOpenJobs.map((id) => visible(id)).join(", ")}. Stop them with --job-id, or with --include-new-jobs.`,
        ]
      : []),
    ...(done && !stopped ? ["Run the command again to go on: repeating a stop is harmless."] : []),
    ...(done ? [`Each call with its request id: ota-gateway operations show ${visible(name)} --json`] : []),
  ];
  return lines.map((line) => wrapped(line, COLUMNS)).join("\n");
}
