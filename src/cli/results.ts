// The subcommand `results`: says what a results file comes to after all its runs, and names the
// devices that are left. Exits with 0 if every device in it ended well, with 1 if not, and with 2
// for misuse.
import { Command } from "commander";
import { visible } from "../base/visible-text.js";
import type { Outcome } from "../client/client.js";
import { resultRows, UnusableResults } from "./cancel/earlier-results.js";
import { resultFormat, UnusableOutput } from "./cancel/output.js";
import { OUTCOME_WORDS } from "./cancel/summary.js";
import { FinalResults, hasEndedWell } from "./results/final-results.js";
import { count, counted } from "./terminal/figures.js";
import { jsonLine } from "./terminal/json.js";
import { table } from "./terminal/table.js";

interface Flags {
  readonly left?: true;
  readonly json?: true;
}

/** Creates the command. It throws CommanderError for files that cannot be used. */
export function resultsCommand(): Command {
  return new Command("results")
    .description("Count what became of the devices in a results file; the last line of each device counts.")
    .argument("<file>", "results of cancel --output or --resume, .csv or .jsonl")
    .option("--left", "print the names of the devices that did not end well, one a line, for cancel --devices-file")
    .option("--json", "print JSON; with --left, a line for each device")
    .addHelpText(
      "after",
      `
Names that a stopped run did not reach are not in its file: continue with
cancel --resume to be sure that none is missing.
Exit code: 0 if every device in the file ended well, 1 if one did not, 2 for
invalid flags and files.`,
    )
    .showHelpAfterError("(see --help)")
    .exitOverride()
    .action(run);
}

async function run(file: string, { left, json }: Flags, command: Command): Promise<void> {
  const results = new FinalResults();
  try {
    for await (const row of resultRows(file, resultFormat(file))) results.add(row);
  } catch (error) {
    if (!(error instanceof UnusableResults || error instanceof UnusableOutput)) throw error;
    command.error(`error: ${error.message}`, { exitCode: 2, code: "results.misuse" });
  }
  process.exitCode = results.groups.every(hasEndedWell) ? 0 : 1;
  if (left) for (const line of leftLines(results, json)) process.stdout.write(line);
  else process.stdout.write(json ? jsonLine(countsOf(results)) : textOf(results));
}

function* leftLines(results: FinalResults, json: true | undefined): Generator<string> {
  for (const { name, group } of results.left()) {
    const { outcome, reason, message } = group;
    const row = { device_name: name, outcome, reason, message };
    yield json ? jsonLine(row) : `${visible(name)}\n`;
  }
}

function countsOf(results: FinalResults): object {
  const { devices, groups } = results;
  const good = groups.filter(hasEndedWell).reduce((sum, group) => sum + group.devices, 0);
  const outcomes: Record<string, number> = {};
  for (const group of groups) outcomes[group.outcome] = (outcomes[group.outcome] ?? 0) + group.devices;
  return {
    devices,
    ok: good,
    left: devices - good,
    outcomes,
    failures: groups.filter((group) => !hasEndedWell(group)),
  };
}

function textOf(results: FinalResults): string {
  const { devices, groups } = results;
  const left = groups.filter((group) => !hasEndedWell(group));
  const rows = groups.map(({ outcome, reason, devices: n }) => {
    const words = OUTCOME_WORDS[outcome as Outcome] ?? visible(outcome);
    return [reason ? `${words}: ${visible(reason)}` : words, n, ""] as const;
  });
  const sum = left.reduce((all, group) => all + group.devices, 0);
  const verdict =
    sum === 0
      ? "Every device in it ended well."
      : `${count(sum)} ${sum === 1 ? "is" : "are"} left; --left names them, and cancel --resume tries them again.`;
  return `${counted(devices, "device")}\n\n${table(rows)}\n\n${verdict}\n`;
}
