// The program: its subcommands, and the exit codes 0 (done), 1 (failed) and 2 (misuse).
import { Command, CommanderError } from "commander";
import { visible } from "../base/visible-text.js";
import { ConfigError } from "../config/config.js";
import { cancelCommand } from "./cancel.js";
import { configCommand } from "./config.js";
import { demoCommand } from "./demo.js";
import { refuseEmptyValues } from "./empty-values.js";
import { emulateCommand } from "./emulate.js";
import { quietNodeWarnings } from "./node-warnings.js";
import { operationsCommand } from "./operations.js";
import { probeCommand } from "./probe.js";
import { proveCommand } from "./prove.js";
import { quotaCommand } from "./quota.js";
import { serveCommand } from "./serve.js";
import { endWithStandardOutput } from "./standard-streams.js";

export async function runProgram(version: string): Promise<void> {
  const program = new Command("ota-gateway")
    .description(
      "Cancels OTA update tasks on Alibaba Cloud IoT Platform at the account's full rate, and never above it.",
    )
    .version(version)
    .exitOverride()
    .hook("preAction", (_, command) => refuseEmptyValues(command))
    .addCommand(serveCommand())
    .addCommand(cancelCommand())
    .addCommand(operationsCommand())
    .addCommand(quotaCommand())
    .addCommand(emulateCommand())
    .addCommand(demoCommand())
    .addCommand(proveCommand())
    .addCommand(configCommand())
    .addCommand(probeCommand());

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
