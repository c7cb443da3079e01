// Finds settings that are valid alone but not together: half a key pair, half an issuer, plain text
// where others can read it.
import { isLoopback } from "../base/loopback.js";
import type { AccountSettings } from "./file.js";
import type { Settings } from "./settings.js";
import { readTlsFiles, TlsFilesError, type TlsPaths } from "./tls-files.js";

/** Returns all contradictions. A setting that could not be read contradicts nothing. */
export function contradictions(settings: Partial<Settings>): readonly string[] {
  return [...encryption(settings), ...halfAnIssuer(settings), ...strictWithoutLog(settings), ...onePort(settings)];
}

/** Finds endpoints, by the setting of each, that would be called in plain text across a network. */
export function plainEndpoints(endpoints: ReadonlyMap<string, URL>, insecure: boolean | undefined): readonly string[] {
  if (insecure !== false) return [];
  return [...endpoints]
    .filter(([, { protocol, hostname }]) => protocol === "http:" && !isLoopback(hostname))
    .map(
      ([where, { host }]) =>
        `${where}: http://${host} would carry signed requests and device names in plain text; use https, or set ` +
        "OTA_INSECURE=1 if the network itself is trusted",
    );
}

/** Finds accounts that are one account of the cloud, as far as their settings say. */
export function sharedQuotas(accounts: ReadonlyMap<string, AccountSettings>): readonly string[] {
  const byKeys = new Map<string, string[]>();
  for (const [name, { url, credentials }] of accounts) {
    const keys = JSON.stringify([url.origin, credentials]);
    byKeys.set(keys, [...(byKeys.get(keys) ?? []), name]);
  }
  return [...byKeys.values()]
    .filter((names) => names.length > 1)
    .map(
      (names) =>
        `the accounts ${names.join(", ")} have the same endpoint and the same keys, and a quota each, which the cloud ` +
        "may count together; set `quota` so that their sum is the quota of the cloud's account",
    );
}

const EVERY_HOST: readonly string[] = ["0.0.0.0", "::"];

/** The system would only say that a program listens there already. */
function onePort({ listen, adminListen }: Partial<Settings>): string[] {
  if (!listen || !adminListen || listen.port !== adminListen.port || listen.port === 0) return [];
  const hosts = [listen.host, adminListen.host];
  const isOne = hosts[0] === hosts[1] || hosts.some((host) => EVERY_HOST.includes(host));
  return isOne ? ["OTA_ADMIN_LISTEN: is at the port of OTA_LISTEN; set another port, or off"] : [];
}

function strictWithoutLog({ auditStrict, auditLog }: Partial<Settings>): string[] {
  return auditStrict && auditLog === "" ? ["OTA_AUDIT_STRICT: needs an audit log; set OTA_AUDIT_LOG"] : [];
}

/** A token whose issuer or audience is not checked may have been made for another service. */
function halfAnIssuer(settings: Partial<Settings>): string[] {
  const { jwtKeys, jwtIssuer, jwtAudience } = settings;
  if (!jwtKeys && !jwtIssuer && !jwtAudience) return [];
  const missing = [
    ...("jwtKeys" in settings && !jwtKeys ? ["OTA_JWT_JWKS"] : []), // absent from `settings` if it was invalid
    ...(jwtIssuer ? [] : ["OTA_JWT_ISSUER"]),
    ...(jwtAudience ? [] : ["OTA_JWT_AUDIENCE"]),
  ];
  return missing.map((variable) => `${variable}: is required to verify bearer tokens; set it`);
}

function encryption({ listen, insecure, tlsCert, tlsKey, tlsClientCa }: Partial<Settings>): readonly string[] {
  const paths = { tlsCert: tlsCert ?? "", tlsKey: tlsKey ?? "", tlsClientCa: tlsClientCa ?? "" };
  if (tlsCert || tlsKey || tlsClientCa) return tlsMistakes(paths);
  if (!listen || insecure !== false || isLoopback(listen.host)) return [];
  return [
    `OTA_LISTEN: ${listen.host} can be reached from other machines, but nothing is encrypted; ` +
      "set OTA_TLS_CERT and OTA_TLS_KEY, listen on 127.0.0.1, or set OTA_INSECURE=1 if the network itself is trusted",
  ];
}

function tlsMistakes(paths: TlsPaths): readonly string[] {
  const missing = [
    ...(paths.tlsCert ? [] : ["OTA_TLS_CERT: is not set; TLS needs a certificate and its key"]),
    ...(paths.tlsKey ? [] : ["OTA_TLS_KEY: is not set; TLS needs a certificate and its key"]),
  ];
  if (missing.length > 0) return missing;
  try {
    readTlsFiles(paths);
    return [];
  } catch (error) {
    if (error instanceof TlsFilesError) return error.mistakes;
    throw error;
  }
}
