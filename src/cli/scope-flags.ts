// The flags that say which tasks a command is about: those of a firmware on the devices of a
// product, or of one batch of it.
import type { Command } from "commander";

export interface ScopeFlags {
  readonly productKey: string;
  readonly firmwareId: string;
  readonly jobId?: string;
  readonly instanceId?: string;
  readonly account?: string;
}

export function addScopeFlags(command: Command): Command {
  return command
    .requiredOption("--product-key <key>", "product of the devices")
    .requiredOption("--firmware-id <id>", "the firmware (update package)")
    .option("--job-id <id>", "only this update batch")
    .option("--instance-id <id>", "the IoT Platform instance, if it has an id")
    .option("--account <name>", "one of the gateway's accounts");
}

export function scopeByFlags({ productKey, firmwareId, jobId, instanceId, account }: ScopeFlags) {
  return {
    ...{ productKey, firmwareId },
    ...(jobId && { jobId }),
    ...(instanceId && { iotInstanceId: instanceId }),
    ...(account && { account }),
  };
}
