// `cancel` itself: shows the run while it goes on, then its summary, and how to resume it.
import { systemClock } from "../../base/clock.js";
import { OtaError } from "../../client/client.js";
import { jsonLine } from "../terminal/json.js";
import { paintFor } from "../terminal/paint.js";
import { type GivenList, stopSignal, summaryScreen } from "./given-list.js";
import { resumeCommand } from "./output.js";
import { runCancel } from "./run.js";
import { isComplete, isUntouched, type RunReport, summaryJson, summaryText } from "./summary.js";

/** Reasons for which a whole list is refused, at first or later: a token may have expired. */
const REFUSALS: ReadonlySet<string> = new Set(["INVALID_REQUEST", "UNAUTHENTICATED", "FORBIDDEN", "REJECTED"]);

/** Sets the exit code: 0 if every device ended well and that is recorded. `note` is shown first. */
export async function showRun(list: GivenList, note: string | undefined): Promise<void> {
  const { client, scope, sources, before, output, flags, explain } = list;
  const signal = stopSignal(sources.close);
  const paint = paintFor(process.stderr);
  if (note) process.stderr.write(`${paint("dim", note)}\n`);
  const end = await runCancel({
    ...{ client, scope, before, paint, signal, ...sources, readFirst: sources.isAtHand },
    ...{ openResults: (failed) => output?.open(failed), screen: process.stderr, clock: systemClock },
  });
  const isInterrupted = end.error !== undefined;
  if (isInterrupted && !signal.aborted) {
    process.stderr.write(paint("red", explain(end.error)));
  }
  const file = end.hasResults ? output?.file : undefined;
  const isRefused = end.error instanceof OtaError && REFUSALS.has(end.error.reason) && isUntouched(end);
  const report: RunReport = { ...end, isInterrupted, isRefused, output: file, resume: undefined };
  const isDone = isComplete(report);
  // The same command would be refused again.
  const told = isDone || isRefused || !file ? report : { ...report, resume: resumeCommand(process.argv, file) };
  const screen = summaryScreen(list);
  screen.write(flags.json ? jsonLine(summaryJson(told)) : summaryText(told, paintFor(screen)));
  process.exitCode = isDone ? 0 : 1;
}
