// The subcommand `cancel`: reads device names, and writes what became of each. Exits with 0 only if
// every device ended well and that is recorded, with 1 if not or if it was stopped, and with 2 for
// misuse.
import { Command, Option } from "commander";
import { visible } from "../base/visible-text.js";
import type { CancelScope, Priority, Quota } from "../client/client.js";
import { endedWell, UnusableResults } from "./cancel/earlier-results.js";
import { UnreadableNames } from "./cancel/name-line.js";
import { DEFAULT_COLUMN } from "./cancel/name-words.js";
import { outputBy, resultFormat, UnusableOutput } from "./cancel/output.js";
import { lockResults, ResultsInUse } from "./cancel/results-lock.js";
import { showDryRun } from "./cancel/show-dry-run.js";
import { showRun } from "./cancel/show-run.js";
import { openSources, type Sources } from "./cancel/sources.js";
import { detach } from "./detach.js";
import { errorText } from "./gateway-advice.js";
import { addGatewayFlags, clientBy, type GatewayFlags } from "./gateway-flags.js";
import { addScopeFlags, type ScopeFlags, scopeByFlags } from "./scope-flags.js";
import { paintFor } from "./terminal/paint.js";

interface Flags extends GatewayFlags, ScopeFlags {
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
    .argument("[name...]", "device names");
  addScopeFlags(command)
    .option("--devices-file <file>", "names in text (one per line), CSV or JSON; - for standard input")
    .option(
      "--column <name>",
      `column or key that holds the names, by title or number (default: ${DEFAULT_COLUMN}, DeviceName and the like)`,
    )
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
  if (flags.column && flags.devicesFile === undefined) misuse("--column is about the file of --devices-file");
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
    const explain = (error: unknown) => errorText(error, flags);
    const quota = await client.getQuota(scope.account, { timeoutMs: FIRST_ANSWER_MS }).catch((error: unknown) => {
      process.stderr.write(explain(error));
    });
    if (!quota) process.exitCode = 1;
    else if (flags.detach) process.exitCode = await detach({ client, scope, flags, ...sources, misuse });
    else {
      const list = { client, scope, sources, before, output, flags, explain };
      if (flags.dryRun) await showDryRun(list, quota.callsPerSecond);
      else await showRun(list, NOTES[quota.ledger]);
    }
  } catch (error) {
    if (!MISUSE.some((kind) => error instanceof kind)) throw error;
    misuse(visible((error as Error).message));
  } finally {
    sources?.close();
    client.close();
  }
}

function scopeBy(flags: Flags): CancelScope {
  const { priority, reason, verify } = flags;
  return {
    ...{ ...scopeByFlags(flags), priority },
    ...(reason && { reason }),
    ...(verify && { verify }),
  };
}
