// Whose keys requests are signed with: the environment's, read anew each time, else what the vendor's
// chain finds. No error from here holds anything that a provider said, for providers quote secrets.
import type { Clock } from "../clock.js";
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
    get: async () => fromEnvironment(env) ?? chain.get(),
    refresh: async () => fromEnvironment(env) ?? chain.refresh(),
  };
}

const KEY_ID = "ALIBABA_CLOUD_ACCESS_KEY_ID";
const KEY_SECRET = "ALIBABA_CLOUD_ACCESS_KEY_SECRET";
const TOKEN = "ALIBABA_CLOUD_SECURITY_TOKEN";

function fromEnvironment(env: NonNullable<CredentialsOptions["env"]>): Credentials | undefined {
  const accessKeyId = env[KEY_ID]?.trim();
  const accessKeySecret = env[KEY_SECRET]?.trim();
  const securityToken = env[TOKEN]?.trim();
  if (!accessKeyId && !accessKeySecret) return undefined;
  // Half a pair is a mistake. The chain would pass over it, and may find somebody else's keys.
  if (!accessKeyId) throw new NoCredentials(`${KEY_SECRET} is set, and ${KEY_ID} is not.`);
  if (!accessKeySecret) throw new NoCredentials(`${KEY_ID} is set, and ${KEY_SECRET} is not.`);
  return { accessKeyId, accessKeySecret, ...(securityToken ? { securityToken } : {}) };
}
