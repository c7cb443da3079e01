// What the gateway is told: the environment and the file it names, read in one go. All mistakes are reported together.
import { contradictions, plainEndpoints } from "./contradictions.js";
import { type AccountDefaults, type ConfigFile, readConfigFile, withoutFile } from "./file.js";
import { NO_FLAGS, SETTINGS, type Settings } from "./settings.js";

/** What is wrong with the settings, all of it. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
  readonly mistakes: readonly string[];

  constructor(mistakes: readonly string[]) {
    super(`the settings are not usable:\n${mistakes.map((mistake) => `  ${mistake}`).join("\n")}`);
    this.mistakes = mistakes;
  }
}

/** Variables and their values. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** All settings, those of the file included. */
export type Config = Settings & ConfigFile;

/** For a file that is only read to find its mistakes. */
const NO_DEFAULTS: AccountDefaults = { url: new URL("https://nowhere.invalid"), callsPerSecond: 1 };

/** Reads all settings. Throws ConfigError with every mistake. */
export function readConfig(environment: Environment): Config {
  const mistakes: string[] = [];
  const settings: Record<string, unknown> = {};
  for (const [key, { variable, parse, default: fallback }] of Object.entries(SETTINGS)) {
    const text = environment[variable]?.trim() || fallback;
    try {
      settings[key] = parse(text);
    } catch (error) {
      mistakes.push(`${variable}: expected ${(error as Error).message}, not ${shown(variable, text)}`);
    }
  }
  mistakes.push(...contradictions(settings as Partial<Settings>));
  const { configFile, upstreamUrl: url, callsPerSecond } = settings as Partial<Settings>;
  const fallback = url && callsPerSecond ? { url, callsPerSecond } : NO_DEFAULTS;
  const file = configFile ? readConfigFile(configFile, fallback, mistakes) : withoutFile(fallback);
  mistakes.push(...unsafeFile(settings as Partial<Settings>, file));
  if (mistakes.length > 0) throw new ConfigError(mistakes);
  return { ...(settings as Settings), ...file };
}

/** What the file makes unsafe that would be safe without it, or with another one. */
function unsafeFile(settings: Partial<Settings>, { accounts, isEmpty }: ConfigFile): readonly string[] {
  const { configFile, insecure, jwtKeys, tlsClientCa } = settings;
  const endpoints = [...accounts].map(([name, { url }]) =>
    url === settings.upstreamUrl ? (["OTA_UPSTREAM_URL", url] as const) : ([`accounts.${name}`, url] as const),
  );
  const mistakes = [...plainEndpoints(new Map(endpoints), insecure)];
  // One that is just being written looks like this, and lets everybody who can prove a name do everything.
  if (isEmpty && (jwtKeys || tlsClientCa)) {
    mistakes.push(`OTA_CONFIG: ${configFile} is empty; expected callers, or no file if all of them may do everything`);
  }
  return mistakes;
}

/**
 * As it was given, but for the secrets that it can hold: nothing of a setting that is one, nor of what may be keys
 * themselves; of others nothing before the last `@`, for a password may hold any character, and no query.
 */
function shown(variable: string, text: string): string {
  if (NO_FLAGS.includes(variable) || /^\{|-----BEGIN/.test(text)) return "what was given";
  return JSON.stringify(text.replace(/^([a-z][a-z0-9+.-]*:\/\/)?.*@/is, "$1***@").replace(/\?.+/s, "?***"));
}
