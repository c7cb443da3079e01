// The subcommand `cancel`: reads device names, and writes what became of each. Exits with 0 only if
// every device ended well and that is recorded, with 1 if not or if it was stopped, and with 2 for
// misuse.
import { Command, Option } from "commander";
import { systemClock } from "../base/clock.js";
import { nextSignal, nextSignalOrHangup } from "../base/signals.js";
import { visible, visibleJson } from "../base/visible-text.js";
import {
  type CancelScope,
  type Client,
  type DeviceResult,
  OtaError,
  type Priority,
  type Quota,
} from "../client/client.js";
import { dryRun, dryRunJson, dryRunText } from "./cancel/dry-run.js";
import { endedWell, UnusableResults } from "./cancel/earlier-results.js";
import { NameCheck } from "./cancel/name-check.js";
import { UnreadableNames } from "./cancel/name-line.js";
import { DEFAULT_COLUMN } from "./cancel/name-words.js";
import { type Output, outputBy, resultFormat, resumeCommand, STDOUT, UnusableOutput } from "./cancel/output.js";
import { resultRow } from "./cancel/result-row.js";
import type { ResultsFile } from "./cancel/results-file.js";
import { lockResults, ResultsInUse } from "./cancel/results-lock.js";
import { runCancel } from "./cancel/run.js";
import { openSources, type Sources } from "./cancel/sources.js";
import { isComplete, type RunReport, summaryJson, summaryText } from "./cancel/summary.js";
import { detach } from "./detach.js";
import { errorText } from "./gateway-advice.js";
import { addGatewayFlags, clientBy, type GatewayFlags } from "./gateway-flags.js";
import { paintFor } from "./terminal/paint.js";

interface Flags extends GatewayFlags {
  readonly productKey: string;
  readonly firmwareId: string;
  readonly jobId?: string;
  readonly instanceId?: string;
  readonly account?: string;
  readonly priority: Priority;
  readonly reason?: string;
  readonly verify?: true;
  readonly dryRun?: true;
  readonly check?: true;
  readonly devicesFile?: string;
  readonly column?: string;
  readonly output?: string;
  readonly resume?: string;
  readonly json?: true;
  readonly detach?: true;
  readonly requestId?: string;
  readonly timeToLive?: string;
}

/** How long to wait for the gateway's first answer before anything starts. */
const FIRST_ANSWER_MS = 10_000;

/** Reasons for which the whole list was refused. */
const REFUSALS: ReadonlySet<string> = new Set(["INVALID_REQUEST", "UNAUTHENTICATED", "FORBIDDEN", "REJECTED"]);

const MISUSE = [UnreadableNames, UnusableResults, UnusableOutput, ResultsInUse];

/** Explains why nothing seems to happen at first. */
const NOTES: Partial<Record<Quota["ledger"], string>> = {
  OPENING: "The gateway's ledger is opening; nothing is sent for a few seconds.",
  AWAY: "The gateway cannot reach its token store; until it can, little or nothing is sent.",
};

/** Creates the command. It throws CommanderError for invalid flags and unusable files. */
export function cancelCommand(): Command {
  const command = new Command("cancel")
    .description("Cancel the update tasks of devices through a gateway, and report the outcome of each.")
    .usage("--product-key KEY --firmware-id ID [flags] [NAME...]")
    .argument("[name...]", "device names")
    .requiredOption("--product-key <key>", "the product of the devices")
    .requiredOption("--firmware-id <id>", "the update package (FirmwareId)")
    .option("--devices-file <file>", "names in text (one per line), CSV or JSON; - for standard input")
    .option(
      "--column <name>",
      `column or key that holds the names, by title or number (default: ${DEFAULT_COLUMN}, DeviceName and the like)`,
    )
    .option("--job-id <id>", "only tasks of this update batch")
    .option("--instance-id <id>", "IoT Platform instance, if the product belongs to one")
    .option("--account <name>", "one of the gateway's accounts")
    .addOption(
      new Option("--priority <class>", "priority class among all callers")
        .choices(["bulk", "normal", "urgent"])
        .default("normal"),
    )
    .option("--reason <text>", "reason of the cancel, for the audit log")
    .option("--verify", "read the tasks back after the cancel")
    .option("--dry-run", "check everything and report the cost; send nothing")
    .option("--check", "with --dry-run: read which of the devices exist; --output lists them")
    .option("--output <file>", "results, one line for each device, .csv or .jsonl; - for JSON lines on standard output")
    .option(
      "--resume <file>",
      "results file of an earlier run: skip devices that ended well, and append to it; excludes --output",
    )
    .option("--detach", "store the list at the gateway, print the name of the operation, and leave; see operations")
    .option("--request-id <key>", "with --detach: your key for this list, so that a repeated command stores it once")
    .option("--time-to-live <time>", "with --detach: send nothing after this, such as 30m or 2h (default: 1h)")
    .option("--json", "print the summary as JSON");
  addGatewayFlags(command).addHelpText(
    "after",
    `
Ctrl-C stops the run: devices not yet sent leave the gateway's queue, the last
answers are awaited, usually for a second, and --resume continues with the rest.
Closing the terminal does the same, even with nohup; to keep it running, use
setsid(1), tmux or a service.
Exit code: 0 if every device ended well; 1 if one did not, if the run was
stopped, or if a result could not be written; 2 for invalid flags and files.
With --dry-run --check: 0 if every device exists.`,
  );
  return command.showHelpAfterError("(see --help)").exitOverride().action(run);
}

async function run(names: string[], flags: Flags, command: Command): Promise<void> {
  const misuse = (message: string): never => command.error(`error: ${message}`, { exitCode: 2, code: "cancel.misuse" });
  if (names.length === 0 && flags.devicesFile === undefined) {
    misuse("no devices given; name them as arguments, or with --devices-file FILE (- for standard input)");
  }
  if (!flags.detach && (flags.requestId || flags.timeToLive)) misuse("--request-id and --time-to-live need --detach");
  if (flags.detach && (flags.output || flags.resume || flags.dryRun)) {
    misuse("--detach leaves before there are results; excludes --output, --resume and --dry-run");
  }
  if (flags.check && !flags.dryRun) misuse("--check goes with --dry-run, which cancels nothing");
  const client = clientBy(flags, command);
  let sources: Sources | undefined;
  try {
    const scope = scopeBy(flags);
    const { resume } = flags;
    const output = outputBy(flags.output, resume);
    if (output?.file && !flags.dryRun) lockResults(output.file);
    const before = resume ? await endedWell(resume, resultFormat(resume), scope) : new Set<string>();
    const { devicesFile: file, column } = flags;
    const told = (line: string) => void process.stderr.write(`${paintFor(process.stderr)("dim", visible(line))}\n`);
    sources = await openSources({ args: names, file, column, stdin: () => process.stdin, told });
    const quota = await client.getQuota(scope.account, { timeoutMs: FIRST_ANSWER_MS }).catch((error: unknown) => {
      process.stderr.write(errorText(error, flags));
    });
    if (!quota) process.exitCode = 1;
    else if (flags.detach) process.exitCode = await detach({ client, scope, flags, ...sources, misuse });
    else if (flags.dryRun) await plan(client, scope, sources, before, output, flags, quota.callsPerSecond);
    else await cancel(client, scope, sources, before, output, flags, NOTES[quota.ledger]);
  } catch (error) {
    if (!MISUSE.some((kind) => error instanceof kind)) throw error;
    misuse(visible((error as Error).message));
  } finally {
    sources?.close();
    client.close();
  }
}

async function plan(
  client: Client,
  scope: CancelScope,
  sources: Sources,
  before: ReadonlySet<string>,
  output: Output | undefined,
  flags: Flags,
  callsPerSecond: number,
): Promise<void> {
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
    const screen = flags.output === STDOUT ? process.stderr : process.stdout;
    screen.write(flags.json ? jsonLine(dryRunJson(told, nameCheck)) : dryRunText(told, nameCheck));
    process.exitCode = told.invalidNames === 0 && isWritten && (nameCheck?.isClean ?? true) ? 0 : 1;
  } catch (error) {
    results?.close();
    if (!signal.aborted && !(error instanceof OtaError)) throw error;
    process.stderr.write(signal.aborted ? "Stopped before the end.\n" : errorText(error, flags));
    process.exitCode = 1;
  }
}

async function cancel(
  client: Client,
  scope: CancelScope,
  sources: Sources,
  before: ReadonlySet<string>,
  output: Output | undefined,
  flags: Flags,
  note: string | undefined,
): Promise<void> {
  const signal = stopSignal(sources.close);
  const paint = paintFor(process.stderr);
  if (note) process.stderr.write(`${paint("dim", note)}\n`);
  const end = await runCancel({
    ...{ client, scope, before, paint, signal, ...sources, readFirst: sources.isAtHand },
    ...{ openResults: (failed) => output?.open(failed), screen: process.stderr, clock: systemClock },
  });
  const isInterrupted = end.error !== undefined;
  if (isInterrupted && !signal.aborted) {
    process.stderr.write(paint("red", errorText(end.error, flags)));
  }
  const file = end.hasResults ? output?.file : undefined;
  const isRefused = end.error instanceof OtaError && REFUSALS.has(end.error.reason);
  const report: RunReport = { ...end, isInterrupted, isRefused, output: file, resume: undefined };
  const isDone = isComplete(report);
  // The same command would be refused again.
  const told = isDone || isRefused || !file ? report : { ...report, resume: resumeCommand(process.argv, file) };
  const screen = flags.output === STDOUT ? process.stderr : process.stdout;
  screen.write(flags.json ? jsonLine(summaryJson(told)) : summaryText(told, paintFor(screen)));
  process.exitCode = isDone ? 0 : 1;
}

/**
 * Aborts at the first signal, and closes the source of the names. A second SIGINT or SIGTERM ends
 * the process.
 */
function stopSignal(closeSources: () => void): AbortSignal {
  const stop = new AbortController();
  void nextSignalOrHangup().then(() => {
    void nextSignal().then(() => process.exit(1));
    stop.abort();
    closeSources();
  });
  return stop.signal;
}

function jsonLine(value: object): string {
  return `${visibleJson(JSON.stringify(value))}\n`;
}

function scopeBy(flags: Flags): CancelScope {
  const { productKey, firmwareId, jobId, instanceId, account, priority, reason, verify } = flags;
  return {
    productKey,
    firmwareId,
    priority,
    ...(jobId && { jobId }),
    ...(instanceId && { iotInstanceId: instanceId }),
    ...(account && { account }),
    ...(reason && { reason }),
    ...(verify && { verify }),
  };
}
