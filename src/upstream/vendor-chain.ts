// Makes the vendor's default chain of credential providers safe to share. On its own it fails all
// but one of several concurrent first calls, stays on its last provider for good after a failure,
// and asks once per caller when keys expire. So this file asks once for everybody, and builds a new
// chain after every failure.
import type { DefaultCredentialsProvider } from "@alicloud/credentials";
import type { Clock } from "../base/clock.js";
import { withDeadline } from "../base/deadline.js";
import { type Credentials, type CredentialsSource, NoCredentials } from "./credentials-source.js";
import { sendByProxies } from "./vendor-proxies.js";

const NONE_FOUND =
  "No Alibaba Cloud credentials were found. Set ALIBABA_CLOUD_ACCESS_KEY_ID and ALIBABA_CLOUD_ACCESS_KEY_SECRET " +
  "(and ALIBABA_CLOUD_SECURITY_TOKEN if they are temporary), or give the machine a RAM role, a profile in " +
  "~/.aliyun/config.json or ~/.alibabacloud/credentials, or an ALIBABA_CLOUD_CREDENTIALS_URI.";

/** Creates a chain that answers within `timeoutMs`. The chain is built at the first request. */
export function createVendorChain(
  clock: Clock,
  timeoutMs: number,
  environment: Readonly<Record<string, string | undefined>>,
): CredentialsSource {
  let provider: DefaultCredentialsProvider | undefined;
  let asking: Promise<Credentials> | undefined;
  let refreshing: Promise<Credentials> | undefined;

  const ask = async (): Promise<Credentials> => {
    try {
      const chain = provider ?? (await newProvider(environment));
      provider = chain;
      return copyOf(await withDeadline(clock, clock.now() + timeoutMs, chain.getCredentials()));
    } catch {
      provider = undefined;
      // No `cause`: providers put whole answers and profiles, secrets included, into their errors.
      throw new NoCredentials(NONE_FOUND);
    }
  };

  const askForAll = (): Promise<Credentials> => {
    const question = ask().finally(() => {
      if (asking === question) asking = undefined;
    });
    asking = question;
    return question;
  };

  return {
    get: () => asking ?? askForAll(),
    refresh() {
      if (refreshing) return refreshing;
      // A provider fetches again only before expiry; a new one has nothing cached and must fetch.
      provider = undefined;
      refreshing = askForAll().finally(() => {
        refreshing = undefined;
      });
      return refreshing;
    },
  };
}

/**
 * Imported on demand: loading takes a third of a second, and most deployments have keys in the
 * environment.
 */
async function newProvider(
  environment: Readonly<Record<string, string | undefined>>,
): Promise<DefaultCredentialsProvider> {
  sendByProxies(environment);
  const vendor = await import("@alicloud/credentials");
  return vendor.DefaultCredentialsProvider.builder().build();
}

function copyOf(found: Awaited<ReturnType<DefaultCredentialsProvider["getCredentials"]>>): Credentials {
  const { accessKeyId, accessKeySecret, securityToken } = found;
  if (!accessKeyId || !accessKeySecret) throw new Error("incomplete");
  return { accessKeyId, accessKeySecret, ...(securityToken ? { securityToken } : {}) };
}
