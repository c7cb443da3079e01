#!/usr/bin/env node
// The program: its subcommands, and the exit codes 0 (done), 1 (failed) and 2 (misuse).
import { readFileSync } from "node:fs";
import { Command, CommanderError } from "commander";
import { cancelCommand } from "./cli/cancel.js";
import { configCommand } from "./cli/config.js";
import { demoCommand } from "./cli/demo.js";
import { refuseEmptyValues } from "./cli/empty-values.js";
import { emulateCommand } from "./cli/emulate.js";
import { quietNodeWarnings } from "./cli/node-warnings.js";
import { probeCommand } from "./cli/probe.js";
import { proveCommand } from "./cli/prove.js";
import { quotaCommand } from "./cli/quota.js";
import { serveCommand } from "./cli/serve.js";
import { endWithStandardOutput } from "./cli/standard-streams.js";
import { ConfigError } from "./config/config.js";
import { visible } from "./visible.js";

const program = new Command("ota-gateway")
  .description("Cancels OTA update tasks on Alibaba Cloud IoT Platform at the account's full rate, and never above it.")
  .version(versionOf(new URL("../package.json", import.meta.url)))
  .exitOverride()
  .hook("preAction", (_, command) => refuseEmptyValues(command))
  .addCommand(serveCommand())
  .addCommand(cancelCommand())
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
  // Commander has printed what it throws. The others may quote a file or an answer, and a terminal may read them.
  if (!(error instanceof CommanderError)) process.stderr.write(`${visible((error as Error).message, "\n")}\n`);
  const misuse = error instanceof ConfigError || (error instanceof CommanderError && error.exitCode !== 0);
  process.exit(misuse || process.argv.length === 2 ? 2 : error instanceof CommanderError ? 0 : 1);
}

function versionOf(packageFile: URL): string {
  return (JSON.parse(readFileSync(packageFile, "utf8")) as { version: string }).version;
}
