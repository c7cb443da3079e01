// Makes the vendor's default chain of credential providers safe to share. On its own it fails all
// but one of several concurrent first calls, stays on its last provider for good after a failure,
// and asks once per caller when keys expire. So this file asks once for everybody, builds a new
// chain after every failure, and says of the failure what chain-failure.ts can tell.
import type { DefaultCredentialsProvider } from "@alicloud/credentials";
import type { Clock } from "../base/clock.js";
import { withDeadline } from "../base/deadline.js";
import { noneFound } from "./chain-failure.js";
import { type Credentials, type CredentialsSource, checkKey, NoCredentials } from "./credentials-source.js";
import { sendByProxies } from "./vendor-proxies.js";

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
    } catch (error) {
      provider = undefined;
      // No `cause`: providers put whole answers and profiles, secrets included, into their errors.
      throw error instanceof NoCredentials ? error : noneFound(error);
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
  const place = PLACES[found.providerName?.split("/")[1] ?? ""] ?? "the vendor's chain";
  checkKey(accessKeyId, `the access key id in ${place}`);
  checkKey(accessKeySecret, `the access key secret in ${place}`);
  if (securityToken) checkKey(securityToken, `the security token in ${place}`);
  return { accessKeyId, accessKeySecret, ...(securityToken ? { securityToken } : {}) };
}

/** By the name of the provider that found the keys. */
const PLACES: Readonly<Record<string, string>> = {
  env: "the variables ALIBABA_CLOUD_*",
  oidc_role_arn: "the answer for ALIBABA_CLOUD_ROLE_ARN",
  cli_profile: "~/.aliyun/config.json",
  profile: "the file of ALIBABA_CLOUD_CREDENTIALS_FILE (default: ~/.alibabacloud/credentials)",
  ecs_ram_role: "the answer of the metadata service",
  credential_uri: "the answer of ALIBABA_CLOUD_CREDENTIALS_URI",
};
