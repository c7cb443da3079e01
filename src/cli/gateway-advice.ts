// Explains a failure to a user at a terminal, and says what to do about it.
import { visible } from "../base/visible-text.js";
import { OtaError, type Violation } from "../client/client.js";
import type { GatewayFlags } from "./gateway-flags.js";
import { wrapped } from "./terminal/wrapped.js";

/** The flags that advice depends on. */
type Given = Pick<GatewayFlags, "address" | "cert" | "tokenFile">;

const ADVICE: readonly (readonly [RegExp, (given: Given) => string])[] = [
  [
    /ECONNREFUSED/,
    ({ address }) =>
      `no gateway listens at ${address}. Start one with "ota-gateway serve", or "ota-gateway demo" to try it out; or name its address with --address host:port`,
  ],
  [
    // grpc-js gives no error for a proxy that fails; it prints one.
    /^no connection to the gateway$/,
    ({ address }) =>
      `no connection to ${address} through the proxy of grpc_proxy, https_proxy or http_proxy; the lines above say why. To connect directly, name the host in no_proxy`,
  ],
  [
    /cannot be resolved|ENOTFOUND|EAI_AGAIN/,
    ({ address }) => `the host of --address ${address} cannot be resolved; check its spelling`,
  ],
  [
    /wrong version number|packet length too long/i,
    ({ address }) => `the gateway at ${address} speaks plain text; leave out the TLS flags`,
  ],
  [
    /self.signed|unable to (verify|get)|unknown ca/i,
    ({ address }) =>
      `the certificate of ${address} is not signed by a known authority; name its authority with --ca FILE`,
  ],
  [
    /altnames|does not match/i,
    ({ address }) => `the certificate of ${address} is for another name; give that name with --server-name`,
  ],
  [
    /certificate required|bad certificate/i,
    ({ cert }) =>
      cert
        ? "the gateway does not accept the certificate of --cert; check that it is signed by an authority that the gateway knows, and is still valid"
        : "the gateway requires a client certificate; give one with --cert FILE --key FILE",
  ],
  [
    /to the gateway broke|Connection dropped|Failed to connect|ECONNRESET|Protocol error|socket hang up/,
    ({ address, cert }) =>
      cert
        ? `${address} ended the connection; check that it is a gateway, and that it accepts the certificate of --cert`
        : `${address} ended the connection; check that it is a gateway, and whether it requires TLS (--tls or --ca FILE)`,
  ],
  [
    /within the timeout$/,
    ({ address }) =>
      `${address} did not answer in time; check that it is a gateway, and that this machine can reach it`,
  ],
];

/** The text to print, as wide as the terminal. `token` is the value of the variable. */
export function errorText(error: unknown, given: Given, token = process.env["OTA_TOKEN"]): string {
  const text = `error: ${visible(adviceOn(error, given, Boolean(token?.trim())))}`;
  return `${process.stderr.isTTY ? wrapped(text, process.stderr.columns) : text}\n`;
}

/** One or two sentences. */
function adviceOn(error: unknown, given: Given, hasVariable: boolean): string {
  if (!(error instanceof OtaError)) return (error as Error).message;
  if (error.reason === "TRANSPORT") {
    const [, advice] = ADVICE.find(([pattern]) => pattern.test(error.message)) ?? [];
    if (advice) return advice(given);
  }
  if (error.violations.length > 0) return error.violations.map(flagged).join("; ");
  const advice = adviceByCode(error, given, hasVariable);
  return `${error.message} (${error.code})${advice ? `. ${advice}` : ""}`;
}

/** The upstream's codes for refusing a whole request, and the question that each raises. */
const REFUSED: readonly (readonly [RegExp, string])[] = [
  [/Firmware/i, "Is --firmware-id right, and for this product?"],
  [/Job/i, "Is --job-id right?"],
  [/Instance/i, "Is --instance-id right?"],
  [/\.prod\./i, "Is --product-key right, and in this account?"],
  [
    /Forbidden|NoPermission|PermissionDeny/i,
    "Do the gateway's keys have the permission iot:CancelOTATaskByDevice for this product?",
  ],
];

function adviceByCode(error: OtaError, { tokenFile }: Given, hasVariable: boolean): string | undefined {
  const { code, reason, upstreamCode } = error;
  if (upstreamCode) return REFUSED.find(([pattern]) => pattern.test(upstreamCode))?.[1];
  if (code === "UNIMPLEMENTED") return "Check that it is an ota-gateway, and not older than this program";
  if (code !== "UNAUTHENTICATED") return undefined;
  const source = tokenFile ? "--token-file" : hasVariable ? "OTA_TOKEN" : undefined;
  // An error from this program itself already says what is wrong with the token.
  if (source && reason === "TRANSPORT") return undefined;
  if (source)
    return `The gateway does not accept the token of ${source}; check that it has not expired, and is for this gateway`;
  return "Give a token with --token-file FILE or OTA_TOKEN, or a certificate with --cert and --key";
}

/** Names a field by the flag that sets it. The devices come from arguments and files. */
function flagged({ field, description }: Violation): string {
  if (field === "device_names") return `the list ${description}`;
  return `--${field.replaceAll("_", "-").replace("iot-", "")} ${description}`;
}
