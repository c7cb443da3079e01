// The subcommand `probe`: asks a real account what the documentation leaves open. Prints what it
// will send, and sends nothing without consent. Exits with 0 when everything was asked, 1 if it
// ended early or consent was refused, 2 for misuse.
import { Command } from "commander";
import { flagOfSetting, SETTINGS } from "../config/settings.js";
import { planText } from "./probe/plan.js";
import { reportJson, reportText } from "./probe/report.js";
import { type ProbeOptions, runProbe } from "./probe/run.js";
import type { Given } from "./probe/trials.js";
import { argument } from "./probe-arguments.js";
import { probeJobsCommand } from "./probe-jobs.js";
import { probeSettings, runSession, type SessionFlags } from "./probe-session.js";

interface Flags extends SessionFlags {
  readonly idleDevice?: string;
  readonly foreignFirmwareId?: string;
  readonly consentToThrottling?: true;
}

/**
 * Creates the command. It throws CommanderError for invalid flags, ConfigError for invalid
 * settings.
 */
export function probeCommand(): Command {
  const command = new Command("probe")
    .description(
      "Find out, with a few harmless calls to a real account, what the upstream's documentation leaves open, and which " +
        "flags make the emulator answer the same way.",
    )
    .requiredOption("--product-key <key>", "one of your products", argument.id)
    .requiredOption("--firmware-id <id>", "an update package of that product without a running batch", argument.id)
    .option("--instance-id <id>", "IoT Platform instance, if the product belongs to one", argument.id)
    .option(
      "--idle-device <name>",
      "a device of the product without unfinished tasks; answers more questions",
      argument.deviceName,
    )
    .option("--foreign-firmware-id <id>", "a package of another product; answers one more question", argument.id)
    .option(
      "--sacrificial-device <name>",
      "a device whose task of the package MAY BE CANCELED; answers two more questions; may be given twice",
      argument.deviceNames,
    )
    .option(
      "--consent-to-throttling",
      "also find out how the quota's second is measured; EXCEEDS THE QUOTA, for every user of the account",
    );
  for (const setting of [SETTINGS.upstreamUrl, SETTINGS.upstreamTimeoutMs, SETTINGS.callsPerSecond]) {
    const { variable, meaning, default: fallback } = setting;
    command.option(`--${flagOfSetting(setting)} <value>`, `${meaning} (${variable}, default ${fallback})`);
  }
  return command
    .option("--dry-run", "only print what would be sent")
    .option("--yes", "do not ask for confirmation")
    .option("--json", "print the report as JSON")
    .addHelpText(
      "after",
      "\nCredentials as for serve. Run it while no gateway uses the account: each call counts in its",
    )
    .addHelpText("after", "quota. The report holds no key, product or device, and can be shared.")
    .addCommand(probeJobsCommand())
    .exitOverride()
    .action((flags: Flags, self: Command) => run(flags, self));
}

async function run(flags: Flags, command: Command): Promise<void> {
  const settings = probeSettings(flags, process.env);
  const { productKey, firmwareId, instanceId = "", idleDevice, foreignFirmwareId, sacrificialDevice = [] } = flags;
  if (sacrificialDevice.length > 2)
    command.error("error: --sacrificial-device may be given at most twice", { exitCode: 2 });
  const given: Given = {
    productKey,
    firmwareId,
    instanceId,
    idleDevice,
    foreignFirmwareId,
    sacrificialDevices: sacrificialDevice,
    throttlingQuota: flags.consentToThrottling ? settings.quota : undefined,
  };
  const session = {
    plan: planText(given, settings.url),
    names: [productKey, firmwareId, instanceId, idleDevice, foreignFirmwareId, ...sacrificialDevice],
    run: (options: ProbeOptions) => runProbe(given, options),
    text: reportText,
    json: reportJson,
  };
  await runSession(session, settings, flags, command);
}
