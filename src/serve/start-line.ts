// Logs the start: version, upstream, quota, where the tokens are kept, who may call, every setting
// that is not at its default, and the permissions that the keys need. Values of settings that may
// hold secrets are left out.
import type { Log } from "../base/log.js";
import type { Config, Environment } from "../config/config.js";
import { PERMISSIONS } from "../config/permissions.js";
import { NO_FLAGS, SETTINGS } from "../config/settings.js";
import { OFF } from "../config/values.js";

/** The process, beside its settings. */
interface Started {
  readonly version: string;
  readonly grpc: string;
  /** Undefined if it is off. */
  readonly admin: string | undefined;
}

export function logStart(log: Log, started: Started, config: Config, environment: Environment): void {
  const accounts = Object.fromEntries(
    [...config.accounts].map(([name, { url, callsPerSecond, counted }]) => [
      name,
      { endpoint: url.origin, callsPerSecond, counted },
    ]),
  );
  const fields = {
    ...started,
    admin: started.admin ?? OFF,
    node: process.versions.node,
    accounts,
    ledger: config.redisUrls.length > 0 ? "shared" : "in-process",
    encryption: config.tlsCert ? "TLS" : "none",
    authentication: authenticationOf(config),
    settings: settingsInForce(environment),
    permissions: [...new Set(PERMISSIONS.flatMap(({ actions }) => actions))],
  };
  log.info(fields, "started");
}

function authenticationOf({ tlsClientCa, jwtKeys }: Config): string {
  const ways = [...(tlsClientCa ? ["client certificates"] : []), ...(jwtKeys ? ["bearer tokens"] : [])];
  return ways.length > 0 ? ways.join(" or ") : "none";
}

/** Those that are not at their default. */
function settingsInForce(environment: Environment): Record<string, string> {
  const settings: Record<string, string> = {};
  for (const { variable, default: fallback } of Object.values(SETTINGS)) {
    const text = environment[variable]?.trim() ?? "";
    if (text === "" || text === fallback) continue;
    settings[variable] = NO_FLAGS.includes(variable) ? "(set)" : withoutSecrets(text);
  }
  return settings;
}

/** An address may carry a password, and a key in its query. */
function withoutSecrets(text: string): string {
  return text.replace(/^([a-z][a-z0-9+.-]*:\/\/).*@/is, "$1***@").replace(/\?.+/s, "?***");
}
