// `cancel --dry-run`: shows what a cancel would cost, and with --check which devices exist.
import { systemClock } from "../../base/clock.js";
import { type DeviceResult, OtaError } from "../../client/client.js";
import { jsonLine } from "../terminal/json.js";
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
  try {
    const told = await dryRun({
      ...{ client, scope, before, callsPerSecond, signal, ...sources },
      ...(nameCheck && { checked }),
    });
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
