// Describes what will be asked about jobs before anything is sent: for each question what must be
// prepared, what it changes, and the greatest number of calls. It holds none of the user's names.
import { wrapped } from "../../terminal/wrapped.js";
import { flagOf } from "../report.js";
import { PAUSE_MS } from "../run.js";
import type { JobsGiven } from "./calls.js";
import type { JobQuestion } from "./question.js";
import { QUESTIONS_ABOUT_JOBS } from "./questions.js";

/** For the text beside the words. */
const COLUMNS = 88;

export function jobsPlanText(given: JobsGiven, url: URL): string {
  const claims = given.firmwareIds.length + 2 * given.jobs.length;
  const most = QUESTIONS_ABOUT_JOBS.reduce((sum, { mostCalls }) => sum + mostCalls, claims);
  return [
    `Up to ${most} calls go to ${url.origin}, one after the other, at least ${PAUSE_MS / 1000} s apart:`,
    "",
    `  First, the batches of the packages, and each sacrificial batch with its tasks, are read (${claims} calls). The`,
    "  probe ends there if a batch is of another product or package, if an unfinished task is of a device that",
    "  is not sacrificial, or if another batch of the packages is running.",
    ...QUESTIONS_ABOUT_JOBS.flatMap(lines),
    "",
    "A question without the batch that it needs is not asked. Most waits end early; more calls are sent only if an",
    "answer is lost. No batch is changed except the sacrificial ones.",
    "Every call counts in the account's quota: while the probe runs, no gateway may use the account, no batch of the",
    "product may be started, and no other package of the product may have an open dynamic batch.",
    "",
  ].join("\n");
}

function lines({ answers, does, needs, changes, mostCalls, after }: JobQuestion): string[] {
  const calls = mostCalls === 0 ? "no call of its own" : `at most ${mostCalls} ${mostCalls === 1 ? "call" : "calls"}`;
  return [
    "",
    `  ${answers.map(flagOf).join(", ")}`,
    line("does", `${does} (${calls})`),
    line("needs", needs),
    ...(after === undefined ? [] : [line("after", after)]),
    line("changes", changes),
  ];
}

function line(word: string, text: string): string {
  return `    ${word.padEnd(8)} ${wrapped(text, COLUMNS).replaceAll("\n", `\n${" ".repeat(11)}`)}`;
}
