// The subcommand `emulate`: turns flags into options, prints a line when the emulator is ready, and
// ends at the first signal.
import { Command } from "commander";
import { nextSignal } from "../base/signals.js";
import { JsonMistakes } from "../emulator/checked-json.js";
import { emulatorFlags } from "../emulator/flags.js";
import type { EmulatorSettings } from "../emulator/options.js";
import { startEmulator } from "../emulator/server.js";
import { listenTrouble } from "../serve/listen-trouble.js";

interface Flags extends Omit<EmulatorSettings, "clock" | "random" | "faults" | "faultPlan" | "taskState"> {
  readonly faults?: EmulatorSettings["faultPlan"];
}

/** Creates the command. It throws CommanderError for invalid flags. */
export function emulateCommand(): Command {
  const command = new Command("emulate").description(
    "Emulate the upstream: the OTA operations of Alibaba Cloud IoT Platform, its signatures, states and quotas. " +
      "All state is in memory and ends with the process.",
  );
  for (const flag of emulatorFlags()) command.addOption(flag);
  return command.exitOverride().action(run);
}

async function run({ faults: faultPlan = {}, ...flags }: Flags, command: Command): Promise<void> {
  const starting = startEmulator({ ...flags, faultPlan }).catch(listenTrouble("--listen"));
  const emulator = await starting.catch((error: Error) => {
    const { message } = error;
    if (error instanceof JsonMistakes) {
      command.error(`error: --rollout: ${message}`, { exitCode: 2, code: "emulate.misuse" });
    }
    process.stderr.write(`cannot start the emulator: ${message}\n`);
    process.exitCode = 1;
  });
  if (!emulator) return;
  const { quota, window, devices, productKey, firmwareId } = flags;
  process.stdout.write(
    `emulator ready: ${emulator.url} (quota ${quota}/s, ${window} window, ` +
      `${devices} devices of product ${productKey} with firmware ${firmwareId})\n`,
  );
  await nextSignal();
  await emulator.close();
}
