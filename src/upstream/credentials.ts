// Finds the keys that requests are signed with, in variables, in files, or by the vendor's chain,
// and reads them again each time, so that they can be changed under a running gateway. A text that
// cannot be a key is refused with its place. No error holds what a provider or a file said: it may
// be secret.
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Clock } from "../base/clock.js";
import { type Credentials, type CredentialsSource, checkKey, NoCredentials } from "./credentials-source.js";
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
  const get = async () => {
    const [accessKeyId, accessKeySecret, securityToken] = await Promise.all([
      keyIn(directory, "access-key-id"),
      keyIn(directory, "access-key-secret"),
      keyIn(directory, "security-token", "optional"),
    ]);
    return credentialsOf(accessKeyId, accessKeySecret, securityToken);
  };
  return { get, refresh: get };
}

const KEY_ID = "ALIBABA_CLOUD_ACCESS_KEY_ID";
const KEY_SECRET = "ALIBABA_CLOUD_ACCESS_KEY_SECRET";
const TOKEN = "ALIBABA_CLOUD_SECURITY_TOKEN";

function fromEnvironment(env: NonNullable<CredentialsOptions["env"]>, prefix: string): Credentials | undefined {
  const value = (name: string) => {
    const text = env[`${prefix}${name}`]?.trim();
    if (text) checkKey(text, `${prefix}${name}`);
    return text;
  };
  const [accessKeyId, accessKeySecret] = [value(KEY_ID), value(KEY_SECRET)];
  if (!accessKeyId && !accessKeySecret) return undefined;
  // Half a pair is a mistake. The chain would skip it, and might find keys of somebody else.
  const half = (set: string, missing: string) => {
    const how = env[`${prefix}${missing}`] === undefined ? "is not" : "is empty";
    return new NoCredentials(`${prefix}${set} is set, but ${prefix}${missing} ${how}; set both.`);
  };
  if (!accessKeyId) throw half(KEY_SECRET, KEY_ID);
  if (!accessKeySecret) throw half(KEY_ID, KEY_SECRET);
  return credentialsOf(accessKeyId, accessKeySecret, value(TOKEN));
}

/** The key in a file, without the line end of the file. Empty if it is optional and absent. */
async function keyIn(directory: string, name: string, need: "required" | "optional" = "required"): Promise<string> {
  const path = join(directory, name);
  let key: string;
  try {
    key = (await readFile(path, "utf8")).trim();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" && need === "optional") return "";
    const advice = `${directory} must hold the files access-key-id and access-key-secret, both readable by the gateway.`;
    throw new NoCredentials(`${path} cannot be read (${code}); ${advice}`);
  }
  if (key !== "") checkKey(key, path);
  else if (need === "required") throw new NoCredentials(`${path} is empty; put the key into it.`);
  return key;
}

function credentialsOf(accessKeyId: string, accessKeySecret: string, securityToken = ""): Credentials {
  return { accessKeyId, accessKeySecret, ...(securityToken && { securityToken }) };
}
