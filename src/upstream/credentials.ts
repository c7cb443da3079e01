// Whose keys requests are signed with. An account's own: from variables with its prefix, or from the files of a
// directory. Else the process's: the environment's, else what the vendor's chain finds. All are read anew each
// time, so that keys can be changed under a running gateway. No error from here holds anything that a provider
// or a file said, for those are secrets.
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Clock } from "../base/clock.js";
import { type Credentials, type CredentialsSource, NoCredentials } from "./credentials-source.js";
import { createVendorChain } from "./vendor-chain.js";

export interface CredentialsOptions {
  readonly clock: Clock;
  /** Where the keys are looked for first. The vendor's chain reads `process.env`, whatever this is. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** For the whole chain, whose metadata service and others wait for seconds each when they are not there. */
  readonly timeoutMs?: number;
}

/** The credentials of this process. */
export function createCredentials({
  clock,
  env = process.env,
  timeoutMs = 5_000,
}: CredentialsOptions): CredentialsSource {
  const chain = createVendorChain(clock, timeoutMs);
  return {
    get: async () => fromEnvironment(env, "") ?? chain.get(),
    refresh: async () => fromEnvironment(env, "") ?? chain.refresh(),
  };
}

/** The credentials in the process's variables whose names begin with `prefix`. */
export function prefixedCredentials(env: NonNullable<CredentialsOptions["env"]>, prefix: string): CredentialsSource {
  const get = async () => {
    const found = fromEnvironment(env, prefix);
    if (!found) throw new NoCredentials(`${prefix}${KEY_ID} and ${prefix}${KEY_SECRET} are not set.`);
    return found;
  };
  return { get, refresh: get };
}

/** The credentials in the files access-key-id, access-key-secret and, if it is there, security-token of `directory`. */
export function fileCredentials(directory: string): CredentialsSource {
  const read = async (name: string) => (await readFile(join(directory, name), "utf8").catch(() => "")).trim();
  const get = async () => {
    const [accessKeyId, accessKeySecret, securityToken] = await Promise.all(
      ["access-key-id", "access-key-secret", "security-token"].map(read),
    );
    if (accessKeyId && accessKeySecret) return credentialsOf(accessKeyId, accessKeySecret, securityToken);
    throw new NoCredentials(
      `${directory} must hold the files access-key-id and access-key-secret, and both be readable.`,
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
  // Half a pair is a mistake. The chain would pass over it, and may find somebody else's keys.
  if (!accessKeyId) throw new NoCredentials(`${prefix}${KEY_SECRET} is set, and ${prefix}${KEY_ID} is not.`);
  if (!accessKeySecret) throw new NoCredentials(`${prefix}${KEY_ID} is set, and ${prefix}${KEY_SECRET} is not.`);
  return credentialsOf(accessKeyId, accessKeySecret, value(TOKEN));
}

function credentialsOf(accessKeyId: string, accessKeySecret: string, securityToken = ""): Credentials {
  return { accessKeyId, accessKeySecret, ...(securityToken && { securityToken }) };
}
