// The subcommand `rollout`: prints the batches of an update package, and how many devices are in
// which state. It changes nothing.
import { Command } from "commander";
import { awaitRollout } from "./await-rollout.js";
import { addGatewayFlags, type GatewayFlags } from "./gateway-flags.js";
import { rolloutText } from "./rollout-text.js";
import { addScopeFlags, type ScopeFlags, scopeByFlags } from "./scope-flags.js";
import { jsonLine } from "./terminal/json.js";
import { paintFor } from "./terminal/paint.js";
import { withClient } from "./with-client.js";

interface Flags extends GatewayFlags, ScopeFlags {
  readonly json?: true;
}

/** Creates the command. It throws CommanderError for invalid flags. */
export function rolloutCommand(): Command {
  const command = new Command("rollout").description(
    "Print the update batches of a firmware, and how many devices are in which state. Changes nothing.",
  );
  return addGatewayFlags(addScopeFlags(command).option("--json", "print JSON in one line"))
    .showHelpAfterError("(see --help)")
    .exitOverride()
    .action(run);
}

async function run(flags: Flags, command: Command): Promise<void> {
  await withClient(flags, command, async (client) => {
    const rollout = await awaitRollout(client, scopeByFlags(flags));
    process.stdout.write(flags.json ? jsonLine(rollout) : rolloutText(rollout, paintFor(process.stdout)));
  });
}
