// Finds the keys that requests are signed with. An account's own keys come from variables with its
// prefix, or from the files of a directory; otherwise from the environment of the process, or else
// from the vendor's chain. Keys are read again each time, so that they can be changed under a
// running gateway. No error holds anything that a provider or a file said, since that may be a
// secret.
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Clock } from "../base/clock.js";
import { type Credentials, type CredentialsSource, NoCredentials } from "./credentials-source.js";
import { createVendorChain } from "./vendor-chain.js";

export interface CredentialsOptions {
  readonly clock: Clock;
  /** Where keys are looked for first. The vendor's chain reads `process.env` in any case. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /**
   * For the whole chain: each of its sources that is not there, like a metadata service, waits for
   * seconds.
   */
  readonly timeoutMs?: number;
}

/** Creates the credentials of this process. */
export function createCredentials({
  clock,
  env = process.env,
  timeoutMs = 5_000,
}: CredentialsOptions): CredentialsSource {
  const chain = createVendorChain(clock, timeoutMs, env);
  return {
    get: async () => fromEnvironment(env, "") ?? chain.get(),
    refresh: async () => fromEnvironment(env, "") ?? chain.refresh(),
  };
}

/** Reads credentials from the variables of the process whose names begin with `prefix`. */
export function prefixedCredentials(env: NonNullable<CredentialsOptions["env"]>, prefix: string): CredentialsSource {
  const get = async () => {
    const found = fromEnvironment(env, prefix);
    if (!found) throw new NoCredentials(`${prefix}${KEY_ID} and ${prefix}${KEY_SECRET} are not set; set both.`);
    return found;
  };
  return { get, refresh: get };
}

/**
 * Reads credentials from files in `directory`: access-key-id, access-key-secret, and security-token
 * if present.
 */
export function fileCredentials(directory: string): CredentialsSource {
  const read = async (name: string) => (await readFile(join(directory, name), "utf8").catch(() => "")).trim();
  const get = async () => {
    const [accessKeyId, accessKeySecret, securityToken] = await Promise.all(
      ["access-key-id", "access-key-secret", "security-token"].map(read),
    );
    if (accessKeyId && accessKeySecret) return credentialsOf(accessKeyId, accessKeySecret, securityToken);
    throw new NoCredentials(
      `${directory} must hold the files access-key-id and access-key-secret, both readable by the gateway.`,
    );
  };
  return { get, refresh: get };
}

const KEY_ID = "ALIBABA_CLOUD_ACCESS_KEY_ID";
const KEY_SECRET = "ALIBABA_CLOUD_ACCESS_KEY_SECRET";
const TOKEN = "ALIBABA_CLOUD_SECURITY_TOKEN";

function fromEnvironment(env: NonNullable<CredentialsOptions["env"]>, prefix: string): Credentials | undefined {
  const value = (name: string) => env[`${prefix}${name}`]?.trim();
  const [accessKeyId, accessKeySecret] = [value(KEY_ID), value(KEY_SECRET)];
  if (!accessKeyId && !accessKeySecret) return undefined;
  // Half a pair is a mistake. The chain would skip it, and might find keys of somebody else.
  if (!accessKeyId) throw new NoCredentials(`${prefix}${KEY_SECRET} is set, but ${prefix}${KEY_ID} is not; set both.`);
  if (!accessKeySecret)
    throw new NoCredentials(`${prefix}${KEY_ID} is set, but ${prefix}${KEY_SECRET} is not; set both.`);
  return credentialsOf(accessKeyId, accessKeySecret, value(TOKEN));
}

function credentialsOf(accessKeyId: string, accessKeySecret: string, securityToken = ""): Credentials {
  return { accessKeyId, accessKeySecret, ...(securityToken && { securityToken }) };
}
