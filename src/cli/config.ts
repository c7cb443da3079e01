// The subcommand `config check`: prints every mistake in a file for OTA_CONFIG and in the standard
// variables for networks and telemetry, or what the file configures. Exits with 0 if it can be
// used, 1 if it has mistakes, 2 if it cannot be read. Shows where keys come from, never a key; keys
// that are not there are a warning only, because the gateway may run elsewhere.
import { accessSync, constants, statSync } from "node:fs";
import { Command } from "commander";
import { visible } from "../base/visible-text.js";
import { ConfigError, type Environment } from "../config/config.js";
import { plainEndpoints } from "../config/contradictions.js";
import {
  type AccountDefaults,
  type AccountSettings,
  type ConfigFile,
  type CredentialsReference,
  readConfigFile,
} from "../config/file.js";
import { PERMISSIONS } from "../config/permissions.js";
import { SETTINGS, type Setting } from "../config/settings.js";
import { OTHERS } from "../identity/caller-book.js";
import type { Rights } from "../identity/rights.js";
import { authorityMistakes } from "../network/authorities.js";
import { proxyMistakes } from "../network/proxy.js";
import { settleTelemetryVariables } from "../observe/telemetry/variables.js";
import { fileCredentials, prefixedCredentials } from "../upstream/credentials.js";
import { type CredentialsSource, NoCredentials } from "../upstream/credentials-source.js";
import { jsonText } from "./terminal/json.js";

interface Flags {
  readonly json?: true;
}

/** Creates the command. It throws CommanderError for invalid flags and unreadable files. */
export function configCommand(): Command {
  const check = new Command("check")
    .description("Check a file for OTA_CONFIG: print every mistake in it, or what it configures.")
    .argument("<file>")
    .option("--json", "print JSON")
    .addHelpText("after", "\nExit code: 0 if the file can be used, 1 if it has mistakes, 2 if it cannot be read.")
    .exitOverride()
    .action(async (path: string, flags: Flags, command: Command) => {
      try {
        accessSync(path, constants.R_OK);
        if (statSync(path).isDirectory()) throw new Error("it is a directory");
      } catch (error) {
        command.error(`${path} cannot be read: ${(error as Error).message}`, {
          exitCode: 2,
          code: "config.unreadable",
        });
      }
      const mistakes: string[] = [...proxyMistakes(process.env)];
      const warnings = [...settleTelemetryVariables({ ...process.env }), ...authorityMistakes(process.env)];
      const file = readConfigFile(path, defaults(process.env), mistakes);
      if (mistakes.length === 0) {
        warnings.push(...plainAccounts(file, process.env), ...(await missingKeys(file, process.env)));
      }
      const text = flags.json ? jsonOf(file, mistakes, warnings) : visible(textOf(file, mistakes, warnings), "\n");
      command.configureOutput().writeOut?.(text);
      process.exitCode = mistakes.length === 0 ? 0 : 1;
    });
  return new Command("config").description("Check configuration files.").exitOverride().addCommand(check);
}

/** The defaults that `serve` would use for accounts, with the same variables. */
function defaults(environment: Environment): AccountDefaults {
  const { upstreamUrl, callsPerSecond, counted } = SETTINGS;
  return {
    url: settingIn(environment, upstreamUrl),
    callsPerSecond: settingIn(environment, callsPerSecond),
    counted: settingIn(environment, counted),
  };
}

function settingIn<T>(environment: Environment, { variable, parse, default: fallback }: Setting<T>): T {
  try {
    return parse(environment[variable]?.trim() || fallback);
  } catch (error) {
    throw new ConfigError([`${variable}: expected ${(error as Error).message}`]);
  }
}

/** Endpoints that `serve` refuses with the same variables. */
function plainAccounts({ accounts }: ConfigFile, environment: Environment): readonly string[] {
  const endpoints = [...accounts].map(([name, { url }]) => [`accounts.${name}`, url] as const);
  return plainEndpoints(new Map(endpoints), settingIn(environment, SETTINGS.insecure));
}

/** Keys that the file names and this process does not find. The vendor's chain is not asked. */
async function missingKeys({ accounts }: ConfigFile, environment: Environment): Promise<string[]> {
  const warnings: string[] = [];
  for (const [name, { credentials }] of accounts) {
    try {
      await sourceHere(credentials, environment)?.get();
    } catch (error) {
      if (!(error instanceof NoCredentials)) throw error;
      warnings.push(`accounts.${name}: no keys here: ${error.message}`);
    }
  }
  return warnings;
}

function sourceHere(credentials: CredentialsReference, environment: Environment): CredentialsSource | undefined {
  switch (credentials.kind) {
    case "own":
      return undefined;
    case "env":
      return prefixedCredentials(environment, credentials.prefix);
    case "files":
      return fileCredentials(credentials.directory);
  }
}

function jsonOf({ accounts, callers }: ConfigFile, mistakes: readonly string[], warnings: readonly string[]): string {
  const found = mistakes.length === 0 && {
    accounts: Object.fromEntries([...accounts].map(([name, account]) => [name, accountOf(account)])),
    callers: Object.fromEntries([...callers].map(([name, rights]) => [name, rightsOf(rights)])),
  };
  const warned = warnings.length > 0 && { warnings };
  return jsonText({ ok: mistakes.length === 0, mistakes, ...warned, ...found });
}

function textOf(file: ConfigFile, mistakes: readonly string[], warnings: readonly string[]): string {
  const warned = warnings.map((warning) => `warning: ${warning}\n`).join("");
  if (mistakes.length > 0) return `${warned}${mistakes.join("\n")}\n${mistakes.length} mistake(s)\n`;
  return warned + contentOf(file);
}

function contentOf({ accounts, callers }: ConfigFile): string {
  const accountRows = [...accounts].map(([name, account]) => {
    const { endpoint, quota, quotas = {}, counted, credentials } = accountOf(account);
    const others = Object.entries(quotas).map(([operation, calls]) => `, ${operation} ${calls}`);
    return [name, endpoint, `${quota} a second${others.join("")}`, counted, credentials];
  });
  const callerRows = [...callers].map(([name, rights]) => {
    const { weight, accounts, products, priorities, max_queued_devices: most, ...flags } = rightsOf(rights);
    const lists = [accounts, products, priorities].map((list) => (list === ALL ? ALL : list.join(" ") || "none"));
    const who = name === OTHERS ? `${OTHERS} (all others)` : name;
    const may = [flags.verify, flags.stop_rollouts].map((isAllowed) => (isAllowed ? "yes" : "no"));
    return [who, String(weight), ...lists, most === undefined ? "default" : String(most), ...may, flags.operations];
  });
  const headings = [
    "caller",
    "weight",
    "accounts",
    "products",
    "priorities",
    "queued devices",
    "verify",
    "stop",
    "operations",
  ];
  return [
    table([["account", "endpoint", "quota", "counted", "keys from"], ...accountRows]),
    callerRows.length === 0 ? "no callers: every caller may do everything\n" : table([headings, ...callerRows]),
    ...(callers.size > 0 && !callers.has(OTHERS) ? ["all others are refused\n"] : []),
    permissionsText(),
  ].join("\n");
}

/** This command asks the cloud nothing, so it cannot know which of them are missing. */
function permissionsText(): string {
  const lines = PERMISSIONS.map(({ actions, purpose }) => `  ${actions.join(", ")}\n    ${purpose}\n`);
  return `The keys of each account need these permissions, the indispensable first (not checked here):\n${lines.join("")}`;
}

function accountOf({ url, callsPerSecond, quotas, counted, credentials }: AccountSettings) {
  const account = { endpoint: url.host, quota: callsPerSecond, counted, credentials: sourceOf(credentials) };
  return { ...account, ...(quotas && { quotas }) };
}

function sourceOf(credentials: CredentialsReference): string {
  switch (credentials.kind) {
    case "own":
      return "the gateway's own";
    case "env":
      return `variables ${credentials.prefix}ALIBABA_CLOUD_*`;
    case "files":
      return `files in ${credentials.directory}`;
  }
}

const ALL = "all";

/** The rights as JSON, including those that the file leaves out. */
function rightsOf({ weight, accounts, products, priorities, maxQueuedDevices, ...rights }: Rights) {
  return {
    weight,
    accounts: accounts ? [...accounts] : ALL,
    products: products ? [...products.exact, ...products.prefixes.map((prefix) => `${prefix}*`)] : ALL,
    priorities: priorities ? [...priorities].map((each) => each.toUpperCase()) : ALL,
    ...(maxQueuedDevices !== undefined && { max_queued_devices: maxQueuedDevices }),
    verify: rights.verify,
    stop_rollouts: rights.stopRollouts ?? false,
    operations: rights.operations ?? "own",
  } as const;
}

function table(rows: readonly (readonly string[])[]): string {
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0))) ?? [];
  const line = (row: readonly string[]) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join("  ")
      .trimEnd();
  return `${rows.map(line).join("\n")}\n`;
}
