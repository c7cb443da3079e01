// The program: its subcommands, and the exit codes 0 (done), 1 (failed) and 2 (misuse). Loads only
// the subcommand that is asked for, which halves the time of a start.
import { Command, CommanderError } from "commander";
import { visible } from "../base/visible-text.js";
import { ConfigError } from "../config/config.js";
import { refuseEmptyValues } from "./empty-values.js";
import { quietNodeWarnings } from "./node-warnings.js";
import { endWithStandardOutput } from "./standard-streams.js";

/** In the order of the help. */
const SUBCOMMANDS: Readonly<Record<string, () => Promise<Command>>> = {
  serve: async () => (await import("./serve.js")).serveCommand(),
  cancel: async () => (await import("./cancel.js")).cancelCommand(),
  results: async () => (await import("./results.js")).resultsCommand(),
  operations: async () => (await import("./operations.js")).operationsCommand(),
  quota: async () => (await import("./quota.js")).quotaCommand(),
  stop: async () => (await import("./stop.js")).stopCommand(),
  rollout: async () => (await import("./rollout.js")).rolloutCommand(),
  emulate: async () => (await import("./emulate.js")).emulateCommand(),
  demo: async () => (await import("./demo.js")).demoCommand(),
  prove: async () => (await import("./prove.js")).proveCommand(),
  config: async () => (await import("./config.js")).configCommand(),
  probe: async () => (await import("./probe.js")).probeCommand(),
};

export async function runProgram(version: string): Promise<void> {
  const [asked = ""] = process.argv.slice(2);
  const program = new Command("ota-gateway")
    .description(
      "Cancels OTA update tasks on Alibaba Cloud IoT Platform at the account's full rate, and never above it.",
    )
    .version(version)
    .exitOverride()
    .hook("preAction", (_, command) => refuseEmptyValues(command));
  const needed = Object.keys(SUBCOMMANDS).includes(asked) ? [asked] : Object.keys(SUBCOMMANDS);
  for (const name of needed) program.addCommand(await (SUBCOMMANDS[name] as () => Promise<Command>)());

  quietNodeWarnings();
  endWithStandardOutput();
  try {
    await program.parseAsync();
  } catch (error) {
    // Commander prints its own errors. Others may quote a file or an answer, so control characters
    // are escaped.
    if (!(error instanceof CommanderError)) process.stderr.write(`${visible((error as Error).message, "\n")}\n`);
    const misuse = error instanceof ConfigError || (error instanceof CommanderError && error.exitCode !== 0);
    process.exit(misuse || process.argv.length === 2 ? 2 : error instanceof CommanderError ? 0 : 1);
  }
}
