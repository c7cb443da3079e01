// The subcommand `rollout`: prints the batches of an update package, and how many devices are in
// which state. It changes nothing.
import { Command } from "commander";
import { OtaError } from "../client/client.js";
import { errorText } from "./gateway-advice.js";
import { addGatewayFlags, clientBy, type GatewayFlags } from "./gateway-flags.js";
import { rolloutText } from "./rollout-text.js";
import { jsonLine } from "./terminal/json.js";
import { paintFor } from "./terminal/paint.js";

interface Flags extends GatewayFlags {
  readonly productKey: string;
  readonly firmwareId: string;
  readonly jobId?: string;
  readonly instanceId?: string;
  readonly account?: string;
  readonly json?: true;
}

/** Forty batches take about half a minute. */
const ANSWER_MS = 45_000;

/** Creates the command. It throws CommanderError for invalid flags. */
export function rolloutCommand(): Command {
  const command = new Command("rollout")
    .description("Print the update batches of a firmware, and how many devices are in which state. Changes nothing.")
    .requiredOption("--product-key <key>", "product of the devices")
    .requiredOption("--firmware-id <id>", "the firmware (update package)")
    .option("--job-id <id>", "only this update batch")
    .option("--instance-id <id>", "the IoT Platform instance, if it has an id")
    .option("--account <name>", "one of the gateway's accounts")
    .option("--json", "print JSON in one line");
  return addGatewayFlags(command).showHelpAfterError("(see --help)").exitOverride().action(run);
}

async function run(flags: Flags, command: Command): Promise<void> {
  const { productKey, firmwareId, jobId, instanceId, account, json } = flags;
  const client = clientBy(flags, command);
  const request = {
    ...{ productKey, firmwareId },
    ...(jobId && { jobId }),
    ...(instanceId && { iotInstanceId: instanceId }),
    ...(account && { account }),
  };
  try {
    const rollout = await client.rollout(request, { timeoutMs: ANSWER_MS });
    process.stdout.write(json ? jsonLine(rollout) : rolloutText(rollout, paintFor(process.stdout)));
  } catch (error) {
    if (!(error instanceof OtaError)) throw error;
    process.stderr.write(errorText(error, flags));
    process.exitCode = 1;
  } finally {
    client.close();
  }
}
