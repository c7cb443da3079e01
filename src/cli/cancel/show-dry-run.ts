// `cancel --dry-run`: shows what a cancel would cost, and with --check which devices exist.
import { systemClock } from "../../base/clock.js";
import { type DeviceResult, OtaError } from "../../client/client.js";
import { jsonLine } from "../terminal/json.js";
import { paintFor } from "../terminal/paint.js";
import { ProgressLine } from "../terminal/progress.js";
import { dryRun, dryRunJson, dryRunText } from "./dry-run.js";
import { type GivenList, stopSignal, summaryScreen } from "./given-list.js";
import { NameCheck } from "./name-check.js";
import { resultRow } from "./result-row.js";
import type { ResultsFile } from "./results-file.js";

/** Sets the exit code: 0 if every name is valid, and with --check exists. */
export async function showDryRun(list: GivenList, callsPerSecond: number): Promise<void> {
  const { client, scope, sources, before, output, flags, explain } = list;
  const signal = stopSignal(sources.close);
  const nameCheck = flags.check && new NameCheck();
  // A results file that is resumed records what was canceled, so a check adds nothing to it.
  const file = flags.resume ? undefined : output;
  let results: ResultsFile | undefined; // opened once there is a result, so that no empty file is left behind
  const checked = (result: DeviceResult) => {
    nameCheck?.count(result);
    results ??= file?.open((error) => process.stderr.write(`${error.message}\n`));
    results?.add(resultRow(result, scope, new Date(systemClock.wallNow())));
  };
  let devices = 0;
  const position = () => ({ devices, total: undefined, calls: undefined, failed: 0 });
  let progress: ProgressLine | undefined; // from the first answer on, below what the list is taken for
  const advanced = (more: number) => {
    progress ??= new ProgressLine(process.stderr, paintFor(process.stderr), systemClock, position);
    devices += more;
  };
  try {
    const running = dryRun({
      ...{ client, scope, before, callsPerSecond, signal, advanced, ...sources },
      ...(nameCheck && { checked }),
    });
    const told = await running.finally(() => progress?.end());
    const isWritten = results?.close() === undefined;
    summaryScreen(list).write(flags.json ? jsonLine(dryRunJson(told, nameCheck)) : dryRunText(told, nameCheck));
    process.exitCode = told.invalidNames === 0 && isWritten && (nameCheck?.isClean ?? true) ? 0 : 1;
  } catch (error) {
    results?.close();
    if (!signal.aborted && !(error instanceof OtaError)) throw error;
    process.stderr.write(signal.aborted ? "Stopped before the end.\n" : explain(error));
    process.exitCode = 1;
  }
}
