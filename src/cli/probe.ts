// The subcommand `probe`: asks a real account what the documentation leaves open. Prints what it
// will send, and sends nothing without consent. Exits with 0 when everything was asked, 1 if it
// ended early or consent was refused, 2 for misuse.
import { createInterface } from "node:readline/promises";
import { Command, InvalidArgumentError } from "commander";
import { systemClock } from "../base/clock.js";
import { nextSignalOrHangup } from "../base/signals.js";
import { DEVICE_NAME, ID, type TextRule, wrongWith } from "../base/text-rules.js";
import { ConfigError, type Environment } from "../config/config.js";
import { SETTINGS, type Setting } from "../config/settings.js";
import { trustSystemAuthorities } from "../network/authorities.js";
import { proxyFor, proxyMistakes } from "../network/proxy.js";
import { createCredentials } from "../upstream/credentials.js";
import { planText } from "./probe/plan.js";
import { reportJson, reportText } from "./probe/report.js";
import { runProbe } from "./probe/run.js";
import type { Given } from "./probe/trials.js";
import { createWire } from "./probe/wire.js";

interface Flags {
  readonly productKey: string;
  readonly firmwareId: string;
  readonly instanceId?: string;
  readonly idleDevice?: string;
  readonly foreignFirmwareId?: string;
  readonly sacrificialDevice?: readonly string[];
  readonly consentToThrottling?: true;
  readonly upstreamUrl?: string;
  readonly upstreamTimeoutMs?: string;
  readonly quotaCallsPerSecond?: string;
  readonly dryRun?: true;
  readonly yes?: true;
  readonly json?: true;
}

const id = rule(ID);
const deviceName = rule(DEVICE_NAME);

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
    .requiredOption("--product-key <key>", "one of your products", id)
    .requiredOption("--firmware-id <id>", "an update package of that product without a running batch", id)
    .option("--instance-id <id>", "IoT Platform instance, if the product belongs to one", id)
    .option(
      "--idle-device <name>",
      "a device of the product without unfinished tasks; answers more questions",
      deviceName,
    )
    .option("--foreign-firmware-id <id>", "a package of another product; answers one more question", id)
    .option(
      "--sacrificial-device <name>",
      "a device whose task of the package MAY BE CANCELED; answers two more questions; may be given twice",
      (name: string, before: readonly string[] = []) => [...before, deviceName(name)],
    )
    .option(
      "--consent-to-throttling",
      "also find out how the quota's second is measured; EXCEEDS THE QUOTA, for every user of the account",
    );
  for (const { variable, meaning, default: fallback } of [
    SETTINGS.upstreamUrl,
    SETTINGS.upstreamTimeoutMs,
    SETTINGS.callsPerSecond,
  ]) {
    const flag = variable.slice("OTA_".length).toLowerCase().replaceAll("_", "-");
    command.option(`--${flag} <value>`, `${meaning} (${variable}, default ${fallback})`);
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
    .exitOverride()
    .action((flags: Flags, self: Command) => run(flags, self));
}

async function run(flags: Flags, command: Command): Promise<void> {
  const { url, timeoutMs, quota } = settingsOf(flags, process.env);
  const proxy = proxyFor(url, process.env);
  const { productKey, firmwareId, instanceId = "", idleDevice, foreignFirmwareId, sacrificialDevice = [] } = flags;
  if (sacrificialDevice.length > 2)
    command.error("error: --sacrificial-device may be given at most twice", { exitCode: 2 });
  const asked: Given = {
    productKey,
    firmwareId,
    instanceId,
    idleDevice,
    foreignFirmwareId,
    sacrificialDevices: sacrificialDevice,
    throttlingQuota: flags.consentToThrottling ? quota : undefined,
  };
  const plan = planText(asked, url);
  if (flags.dryRun) return void process.stdout.write(plan);
  process.stderr.write(`${plan}\n`);
  if (!flags.yes && !(await confirmed(command))) {
    process.stderr.write("Nothing was sent.\n");
    process.exitCode = 1;
    return;
  }
  const ending = new AbortController();
  void nextSignalOrHangup().then(() => {
    process.stderr.write("ending; a second signal ends at once\n");
    ending.abort();
  });
  // With DEBUG set, the vendor's credentials library prints whole answers.
  delete process.env["DEBUG"];
  const clock = systemClock;
  const secrets = [productKey, firmwareId, instanceId, idleDevice, foreignFirmwareId, ...sacrificialDevice];
  const credentials = createCredentials({ clock });
  const names = secrets.filter((each) => each !== undefined);
  trustSystemAuthorities();
  const wire = createWire({ url, timeoutMs, credentials, clock, proxy, secrets: names });
  const progress = (line: string) => void process.stderr.write(`  ${line}\n`);
  const probe = await runProbe(asked, { wire, clock, signal: ending.signal, progress });
  await wire.close();
  process.stdout.write(flags.json ? `${JSON.stringify(reportJson(probe), undefined, 2)}\n` : `\n${reportText(probe)}`);
  process.exitCode = probe.endedBy === undefined ? 0 : 1;
}

/** Reads the settings. Throws ConfigError with every mistake. */
function settingsOf(flags: Flags, environment: Environment): { url: URL; timeoutMs: number; quota: number } {
  const mistakes = [...proxyMistakes(environment)];
  const read = <T>({ variable, parse, default: fallback }: Setting<T>, flag: string | undefined): T | undefined => {
    const text = flag ?? (environment[variable]?.trim() || fallback);
    try {
      return parse(text);
    } catch (error) {
      mistakes.push(`${variable}: expected ${(error as Error).message}`);
      return undefined;
    }
  };
  const url = read(SETTINGS.upstreamUrl, flags.upstreamUrl);
  const timeoutMs = read(SETTINGS.upstreamTimeoutMs, flags.upstreamTimeoutMs);
  const quota = read(SETTINGS.callsPerSecond, flags.quotaCallsPerSecond);
  if (!url || !timeoutMs || !quota || mistakes.length > 0) throw new ConfigError(mistakes);
  return { url, timeoutMs, quota };
}

/** Asks on the terminal. Without one, nothing can be confirmed. */
async function confirmed(command: Command): Promise<boolean> {
  if (!process.stdin.isTTY) {
    command.error("error: nothing is sent without confirmation; run it on a terminal, or with --yes", { exitCode: 2 });
  }
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    // Ctrl-C and Ctrl-D mean no.
    const left = new Promise<string>((resolve) => terminal.once("close", () => resolve("")));
    const answer = await Promise.race([terminal.question("Send them? [y/N] "), left]);
    return /^y(es)?$/i.test(answer.trim());
  } finally {
    terminal.close();
  }
}

function rule(allowed: TextRule): (text: string) => string {
  return (text) => {
    const wrong = wrongWith(text, allowed);
    if (wrong !== undefined) throw new InvalidArgumentError(`It ${wrong}.`);
    return text;
  };
}
