// What a failure means to somebody at a terminal, and what to do about it.
import { OtaError, type Violation } from "../client/client.js";
import type { GatewayFlags } from "./gateway-flags.js";
import { wrapped } from "./terminal/wrapped.js";

/** Of the flags, those that advice depends on. */
type Given = Pick<GatewayFlags, "address" | "cert" | "tokenFile">;

const ADVICE: readonly (readonly [RegExp, (given: Given) => string])[] = [
  [
    /ECONNREFUSED/,
    ({ address }) =>
      `no gateway listens at ${address}. Start one: "ota-gateway serve", or "ota-gateway demo" to try; or say where it is: --address host:port`,
  ],
  [
    /Name resolution failed|ENOTFOUND|EAI_AGAIN/,
    ({ address }) => `the host of --address ${address} has no address: is it spelled right?`,
  ],
  [
    /wrong version number|packet length too long/i,
    ({ address }) => `the gateway at ${address} speaks plain text: leave out the TLS flags`,
  ],
  [
    /self.signed|unable to (verify|get)|unknown ca/i,
    ({ address }) => `the certificate of ${address} is not by a known authority: name its authority with --ca FILE`,
  ],
  [
    /altnames|does not match/i,
    ({ address }) => `the certificate of ${address} is for another name: give it with --server-name`,
  ],
  [
    /certificate required|bad certificate/i,
    ({ cert }) =>
      cert
        ? "the gateway does not accept the certificate of --cert: is it by an authority that the gateway knows, and still valid?"
        : "the gateway wants a certificate that it knows: --cert FILE --key FILE",
  ],
  [
    /Connection dropped|Failed to connect|ECONNRESET|Protocol error|socket hang up/,
    ({ address, cert }) =>
      cert
        ? `${address} ended the connection: is it a gateway, or does it not accept the certificate of --cert?`
        : `${address} ended the connection: does it want TLS (--tls or --ca FILE), and is it a gateway?`,
  ],
  [/Deadline exceeded/, ({ address }) => `${address} did not answer in time: is it a gateway, and can it be reached?`],
];

/** What to print about it, as wide as the terminal. `token` is that of the variable. */
export function errorText(error: unknown, given: Given, token = process.env["OTA_TOKEN"]): string {
  const text = `error: ${adviceOn(error, given, Boolean(token?.trim()))}`;
  return `${process.stderr.isTTY ? wrapped(text, process.stderr.columns) : text}\n`;
}

/** One sentence or two. */
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

/** What the upstream refuses a whole request for, and the question that it raises. */
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
  if (code === "UNIMPLEMENTED") return "Is it an ota-gateway, and not older than this program?";
  if (code !== "UNAUTHENTICATED") return undefined;
  const source = tokenFile ? "--token-file" : hasVariable ? "OTA_TOKEN" : undefined;
  // What never left this program says itself what is wrong with the token.
  if (source && reason === "TRANSPORT") return undefined;
  if (source) return `The token of ${source} is not accepted: has it run out, and is it for this gateway?`;
  return "Give a token with --token-file FILE or OTA_TOKEN, or a certificate with --cert and --key";
}

/** Fields by the flags that set them. */
function flagged({ field, description }: Violation): string {
  return `--${field.replaceAll("_", "-").replace("iot-", "")} ${description}`;
}
