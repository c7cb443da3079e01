// Opens the channel to the gateway: credentials, the retry policy that grpc-js carries out, and how
// a dead connection is noticed. A token never travels in plain text, except within this machine.
import { type ChannelOptions, credentials } from "@grpc/grpc-js";
import { isLoopback } from "../base/loopback.js";
import { OtaServiceClient } from "../gen/ota/v1/ota_service.js";

/**
 * PEM texts. Defaults: the authorities that the process trusts (Node's own, and those of
 * NODE_EXTRA_CA_CERTS; with NODE_USE_SYSTEM_CA=1 the system's too), and no client certificate.
 */
export interface TlsOptions {
  /** Certificate authorities to trust instead of these. */
  readonly ca?: string | Uint8Array;
  /** The client's certificate chain; needs `key`. */
  readonly cert?: string | Uint8Array;
  readonly key?: string | Uint8Array;
  /** The name in the gateway's certificate, if it differs from the address. */
  readonly serverName?: string;
}

/** How long to wait for the answer to a ping on a silent connection. */
const KEEPALIVE_TIMEOUT_MS = 10_000;
const KEEPALIVE_MS = 30_000;

/** Room for 10,000 results, each with a long reason. */
const LONGEST_ANSWER_BYTES = 32 * 2 ** 20;

/**
 * The recommended service config, which docs/clients.md and the headless service of Kubernetes
 * repeat. Retries are carried out by grpc-js, which waits as long as the gateway's pushback says
 * and does not retry where that forbids it. By turns, because with one connection all attempts
 * would go to the replica that is shutting down. The stream is not listed: the client repeats its
 * requests one by one.
 */
export const SERVICE_CONFIG = {
  loadBalancingConfig: [{ round_robin: {} }],
  methodConfig: [
    {
      name: [
        ...["CancelTasksByDevice", "GetQuota", "GetRollout", "ListOperationResults"].map((method) => ({
          service: "ota.v1.OtaService",
          method,
        })),
        { service: "google.longrunning.Operations" },
      ],
      retryPolicy: {
        maxAttempts: 5,
        initialBackoff: "0.2s",
        maxBackoff: "5s",
        backoffMultiplier: 2,
        retryableStatusCodes: ["UNAVAILABLE", "RESOURCE_EXHAUSTED"],
      },
    },
  ],
};

/**
 * Creates a channel, which connects at the first call. Throws if the options contradict each other.
 */
export function openChannel(address: string, tls: TlsOptions | true | undefined, hasToken: boolean): OtaServiceClient {
  const isLocal = address.startsWith("unix:") || isLoopback(address.replace(/:\d+$/, ""));
  if (hasToken && !tls && !isLocal) {
    throw new Error(`a token must not travel in plain text to ${address}; set tls`);
  }
  const { ca, cert, key, serverName }: TlsOptions = tls === true || !tls ? {} : tls;
  const options: ChannelOptions = {
    "grpc.service_config": JSON.stringify(SERVICE_CONFIG),
    "grpc.initial_reconnect_backoff_ms": 200,
    "grpc.max_reconnect_backoff_ms": 5000, // grpc-js waits up to two minutes, too long in an incident
    "grpc.keepalive_time_ms": KEEPALIVE_MS,
    "grpc.keepalive_timeout_ms": KEEPALIVE_TIMEOUT_MS,
    "grpc.max_receive_message_length": LONGEST_ANSWER_BYTES,
    ...(isLocal && { "grpc.enable_http_proxy": 0 }), // for a proxy, loopback is another machine
    ...(serverName && { "grpc.ssl_target_name_override": serverName, "grpc.default_authority": serverName }),
  };
  const secrets = tls ? credentials.createSsl(bytesOf(ca), bytesOf(key), bytesOf(cert)) : credentials.createInsecure();
  return new OtaServiceClient(address, secrets, options);
}

function bytesOf(pem: string | Uint8Array | undefined): Buffer | null {
  return pem === undefined ? null : Buffer.from(pem);
}
