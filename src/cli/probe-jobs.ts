// The subcommand `probe jobs`: asks a real account about operations on whole batches, with batches
// and devices that its user gives up. Shares the flags of `probe`.
import { Command } from "commander";
import type { JobsGiven } from "./probe/jobs/calls.js";
import { jobsPlanText } from "./probe/jobs/plan.js";
import { jobsReportJson, jobsReportText } from "./probe/jobs/report.js";
import { runJobsProbe } from "./probe/jobs/run.js";
import { flagOf } from "./probe/report.js";
import type { ProbeOptions } from "./probe/run.js";
import { argument } from "./probe-arguments.js";
import { probeSettings, runSession, type SessionFlags } from "./probe-session.js";

interface Flags extends SessionFlags {
  readonly sacrificialJob: readonly string[];
  readonly otherFirmwareId?: readonly string[];
  readonly reportingDevice?: string;
}

/** Flags of `probe` that have no meaning here. */
const FOREIGN = ["idleDevice", "foreignFirmwareId", "consentToThrottling"] as const;

/** Creates the command; it throws as `probe` does. */
export function probeJobsCommand(): Command {
  return new Command("jobs")
    .description(
      "Find out how operations on whole batches behave, with batches that MAY BE CANCELED AND CLOSED. It reads what " +
        "each of them is, and asks the questions that they allow; --dry-run lists those with what they need.",
    )
    .requiredOption(
      "--sacrificial-job <id>",
      "a batch whose tasks may be canceled, and which may be closed; repeat it",
      argument.ids,
    )
    .option("--other-firmware-id <id>", "another package that such batches may be of; may be repeated", argument.ids)
    .option(
      "--reporting-device <name>",
      "a --sacrificial-device that you can make report the new version; answers late-success",
      argument.deviceName,
    )
    .addHelpText(
      "after",
      "\nHere, --firmware-id is the package of these batches, and --sacrificial-device is given for each device",
    )
    .addHelpText("after", "that has an unfinished task in them. No other batch of the packages may be running.")
    .configureHelp({ showGlobalOptions: true })
    .exitOverride()
    .action((_, self: Command) => run(self.optsWithGlobals<Flags>(), self));
}

async function run(flags: Flags, command: Command): Promise<void> {
  const foreign = FOREIGN.find((name) => Object.hasOwn(flags, name));
  if (foreign !== undefined) {
    command.error(`error: --${flagOf(foreign)} belongs to probe, not to probe jobs`, { exitCode: 2 });
  }
  const settings = probeSettings(flags, process.env);
  const {
    productKey,
    firmwareId,
    instanceId = "",
    otherFirmwareId = [],
    sacrificialJob,
    sacrificialDevice = [],
  } = flags;
  const given: JobsGiven = {
    productKey,
    firmwareIds: [...new Set([firmwareId, ...otherFirmwareId])],
    instanceId,
    jobs: [...new Set(sacrificialJob)],
    devices: sacrificialDevice,
    reportingDevice: flags.reportingDevice,
  };
  const session = {
    plan: jobsPlanText(given, settings.url),
    names: [productKey, ...given.firmwareIds, instanceId, ...given.jobs, ...given.devices, given.reportingDevice],
    run: (options: ProbeOptions) => runJobsProbe(given, options),
    text: jobsReportText,
    json: jobsReportJson,
  };
  await runSession(session, settings, flags, command);
}
