// Decides who may call and what each caller may do, as the settings say, and renews both while the
// gateway runs. A file with a mistake changes nothing.
import type { Clock } from "../base/clock.js";
import type { Log } from "../base/log.js";
import { type Config, ConfigError, type Environment } from "../config/config.js";
import { type AccountSettings, readConfigFile } from "../config/file.js";
import type { Authentication } from "../grpc/transport/caller.js";
import { CallerBook } from "../identity/caller-book.js";
import type { KeySet } from "../identity/key-set.js";
import type { KeySource } from "../identity/key-source.js";
import { proxyFor } from "../network/proxy.js";

export interface Access {
  readonly callers: CallerBook;
  /** Finds the caller of a bearer token; undefined if tokens are not accepted. */
  readonly bearer: Authentication["bearer"] | undefined;
  /** Age of the keys that verify tokens; undefined if tokens are not accepted. */
  keysAgeMs(): number | undefined;
  /** Reads the callers' rights and the issuer's keys again. */
  reload(): void;
  close(): void;
}

/**
 * Opens the access. Throws ConfigError if the issuer's keys are in an unusable file; an address may
 * be unreachable for now.
 */
export async function openAccess(config: Config, environment: Environment, clock: Clock, log: Log): Promise<Access> {
  const callers = new CallerBook(config.callers);
  const issuer = await openIssuer(config, environment, clock, log);
  return {
    callers,
    bearer: issuer?.bearer,
    keysAgeMs: () => issuer?.keys.ageMs(),
    reload() {
      void issuer?.keys.read();
      if (config.configFile) reloadCallers(config, callers, log);
    },
    close: () => issuer?.keys.close(),
  };
}

/** Creates the verifier of bearer tokens, if they are accepted. Its code is loaded only then. */
async function openIssuer(
  { jwtKeys, jwtIssuer: issuer, jwtAudience: audience }: Config,
  environment: Environment,
  clock: Clock,
  log: Log,
): Promise<{ readonly keys: KeySet; readonly bearer: Authentication["bearer"] } | undefined> {
  if (!jwtKeys) return undefined;
  const { keySourceOf, keysOf } = await import("../identity/key-source.js");
  const { KeySet } = await import("../identity/key-set.js");
  const { Bearer } = await import("../identity/bearer.js");
  const source = keySourceOf(jwtKeys, (url) => proxyFor(url, environment));
  if (jwtKeys.kind === "file") await checkKeyFile(source, jwtKeys.path, keysOf);
  const keys = new KeySet({ source, clock, log });
  const reading = keys.read();
  if (jwtKeys.kind === "file") await reading;
  const bearer = new Bearer({ keys, issuer, audience, clock });
  return { keys, bearer: (authorization) => bearer.identify(authorization) };
}

/** Before the set is opened: that one goes on without keys, and its log line would say so. */
async function checkKeyFile(source: KeySource, path: string, check: (text: string) => unknown): Promise<void> {
  try {
    check(await source.read());
  } catch (error) {
    throw new ConfigError([`OTA_JWT_JWKS: ${path}: ${(error as Error).message}`]);
  }
}

function reloadCallers(config: Config, callers: CallerBook, log: Log): void {
  const mistakes: string[] = [];
  const { upstreamUrl: url, callsPerSecond, counted } = config;
  const defaults = { url, callsPerSecond, counted };
  const file = readConfigFile(config.configFile, defaults, mistakes);
  // A half-written file can look like one without callers, which would let everybody do everything.
  if (file.callers.size === 0 && callers.size > 0 && mistakes.length === 0) {
    mistakes.push(`${config.configFile}: callers: expected at least one; to remove all callers, restart`);
  }
  if (mistakes.length > 0) {
    log.error({ mistakes }, "OTA_CONFIG has mistakes; the callers' rights stay as they are");
    return;
  }
  callers.replace(file.callers);
  log.info({ callers: callers.size }, "the callers' rights have been read from OTA_CONFIG");
  if (textOf(file.accounts) !== textOf(config.accounts)) {
    log.warn({}, "the accounts in OTA_CONFIG have changed; restart to apply that");
  }
}

function textOf(accounts: ReadonlyMap<string, AccountSettings>): string {
  return JSON.stringify([...accounts].toSorted(([a], [b]) => (a < b ? -1 : 1)));
}
