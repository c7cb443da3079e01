// The subcommand `emulate`: flags to options, one line when it is ready, and an end at the first signal.
import { Command, InvalidArgumentError, Option } from "commander";
import { nextSignal } from "../signals.js";
import { parseListenAddress } from "./listen-address.js";
import { TREATMENTS } from "./open-questions.js";
import { DEFAULTS, type EmulatorSettings } from "./options.js";
import { QUOTA_WINDOWS } from "./quota.js";
import { seededRandom } from "./random.js";
import { SEEDED_NAME_LENGTH } from "./seeded-name.js";
import { startEmulator } from "./server.js";

type Flags = Omit<EmulatorSettings, "clock" | "random" | "faults" | "taskState"> & { readonly seed?: number };

/** Throws CommanderError for flags that it does not take. */
export function emulateCommand(): Command {
  const number = (flags: string, meaning: string, initial: number, least: number, most: number) =>
    new Option(flags, meaning).default(initial).argParser(wholeNumber(least, most));
  return new Command("emulate")
    .description(
      "Emulate the upstream: the cancel operation of Alibaba Cloud IoT Platform, its signatures and its quota.",
    )
    .addOption(
      new Option("--listen <host:port>", "address; port 0 takes a free one")
        .default(DEFAULTS.listen)
        .argParser(address),
    )
    .option("--access-key-id <id>", "the account's key", DEFAULTS.accessKeyId)
    .option("--access-key-secret <secret>", "and its secret", DEFAULTS.accessKeySecret)
    .addOption(
      new Option("--security-token <token>", "makes the key a temporary one, which needs this token").default(
        DEFAULTS.securityToken,
        "none",
      ),
    )
    .addOption(number("--quota <calls>", "admitted calls a second, for each operation", DEFAULTS.quota, 1, 1_000_000))
    .addOption(new Option("--window <kind>", "how that second is cut").choices(QUOTA_WINDOWS).default(DEFAULTS.window))
    .addOption(number("--devices <count>", "devices to seed, each with a QUEUED task", DEFAULTS.devices, 0, 10_000_000))
    .addOption(
      number("--name-length <chars>", "characters of their names", DEFAULTS.nameLength, SEEDED_NAME_LENGTH, 32),
    )
    .option("--product-key <key>", "their product", DEFAULTS.productKey)
    .option("--firmware-id <id>", "the firmware that their tasks are for", DEFAULTS.firmwareId)
    .option("--job-id <id>", "the job that their tasks belong to", DEFAULTS.jobId)
    .addOption(number("--latency-ms <ms>", "time that a call and its answer travel", DEFAULTS.latencyMs, 0, 600_000))
    .addOption(number("--jitter-ms <ms>", "and by how much it varies, either way", DEFAULTS.jitterMs, 0, 600_000))
    .addOption(
      new Option("--seed <number>", "repeats the same jitter and RequestIds").argParser(wholeNumber(0, 2 ** 32 - 1)),
    )
    .addOption(
      new Option("--unknown-device <treatment>", "a device that does not exist (undocumented)")
        .choices(TREATMENTS)
        .default(DEFAULTS.unknownDevice),
    )
    .addOption(
      new Option("--duplicate-names <treatment>", "a device that is named twice (undocumented)")
        .choices(TREATMENTS)
        .default(DEFAULTS.duplicateNames),
    )
    .exitOverride()
    .action(run);
}

async function run({ seed, ...flags }: Flags): Promise<void> {
  const random = seed === undefined ? DEFAULTS.random : seededRandom(seed);
  const emulator = await startEmulator({ ...flags, random }).catch((error: Error) => {
    process.stderr.write(`cannot start the emulator on ${flags.listen}: ${error.message}\n`);
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

function wholeNumber(least: number, most: number): (text: string) => number {
  return (text) => {
    const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
    if (!(value >= least && value <= most)) throw new InvalidArgumentError(`A whole number from ${least} to ${most}.`);
    return value;
  };
}

function address(text: string): string {
  if (!parseListenAddress(text)) throw new InvalidArgumentError("An address such as 127.0.0.1:8088.");
  return text;
}
