// Reads the whole configuration, from the environment and the file it names, in one go. All
// mistakes are reported together.
import { proxyMistakes } from "../network/proxy.js";
import { contradictions, plainEndpoints } from "./contradictions.js";
import { type AccountDefaults, type ConfigFile, readConfigFile, withoutFile } from "./file.js";
import { NO_FLAGS, SETTINGS, type Settings } from "./settings.js";
import { UnusableSecret } from "./values.js";

/** Carries every mistake in the settings. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
  readonly mistakes: readonly string[];

  constructor(mistakes: readonly string[]) {
    super(`invalid settings:\n${mistakes.map((mistake) => `  ${mistake}`).join("\n")}`);
    this.mistakes = mistakes;
  }
}

/** Environment variables and their values. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** All settings, including those of the file. */
export type Config = Settings & ConfigFile;

/** Stands in when the file is read only to find its mistakes. */
const NO_DEFAULTS: AccountDefaults = {
  url: new URL("https://nowhere.invalid"),
  callsPerSecond: 1,
  counted: "answered",
};

/** Reads all settings. Throws ConfigError with every mistake. */
export function readConfig(environment: Environment): Config {
  const mistakes: string[] = [];
  const settings: Record<string, unknown> = {};
  for (const [key, { variable, parse, default: fallback }] of Object.entries(SETTINGS)) {
    const text = environment[variable]?.trim() || fallback;
    try {
      settings[key] = parse(text);
    } catch (error) {
      const { message } = error as Error;
      const isSecret = error instanceof UnusableSecret;
      mistakes.push(`${variable}: ${isSecret ? message : `expected ${message}, not ${shown(variable, text)}`}`);
    }
  }
  mistakes.push(...contradictions(settings as Partial<Settings>), ...proxyMistakes(environment));
  const { configFile, upstreamUrl: url, callsPerSecond, counted } = settings as Partial<Settings>;
  const fallback = url && callsPerSecond && counted ? { url, callsPerSecond, counted } : NO_DEFAULTS;
  const file = configFile ? readConfigFile(configFile, fallback, mistakes) : withoutFile(fallback);
  mistakes.push(...unsafeFile(settings as Partial<Settings>, file));
  if (mistakes.length > 0) throw new ConfigError(mistakes);
  return { ...(settings as Settings), ...file };
}

/** Finds what the file makes unsafe that would be safe without it, or with another one. */
function unsafeFile(settings: Partial<Settings>, { accounts, isEmpty }: ConfigFile): readonly string[] {
  const { configFile, insecure, jwtKeys, tlsClientCa } = settings;
  const endpoints = [...accounts].map(([name, { url }]) =>
    url === settings.upstreamUrl ? (["OTA_UPSTREAM_URL", url] as const) : ([`accounts.${name}`, url] as const),
  );
  const mistakes = [...plainEndpoints(new Map(endpoints), insecure)];
  // A half-written file looks like this, and would let every authenticated caller do everything.
  if (isEmpty && (jwtKeys || tlsClientCa)) {
    mistakes.push(`OTA_CONFIG: ${configFile} is empty; expected callers, or no file if every caller may do everything`);
  }
  return mistakes;
}

/**
 * Shows a value as it was given, without the secrets that it may hold. Nothing is shown of a
 * setting that is a secret, or of a value that looks like a key. Of others, everything up to the
 * last `@` is left out, because a password may hold any character, and so is a query.
 */
function shown(variable: string, text: string): string {
  if (NO_FLAGS.includes(variable) || /^\{|-----BEGIN/.test(text)) return "what was given";
  return JSON.stringify(text.replace(/^([a-z][a-z0-9+.-]*:\/\/)?.*@/is, "$1***@").replace(/\?.+/s, "?***"));
}
