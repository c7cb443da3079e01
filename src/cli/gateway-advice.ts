// What a failure means to somebody at a terminal, and what to do about it.
import { OtaError, type Violation } from "../client/client.js";
import { wrapped } from "../terminal/wrapped.js";

const ADVICE: readonly (readonly [RegExp, (address: string) => string])[] = [
  [
    /ECONNREFUSED/,
    (address) =>
      `no gateway listens at ${address}. Start one: "ota-gateway serve", or "ota-gateway demo" to try; or say where it is: --address host:port`,
  ],
  [
    /Name resolution failed|ENOTFOUND|EAI_AGAIN/,
    (address) => `the host of --address ${address} has no address: is it spelled right?`,
  ],
  [
    /wrong version number|packet length too long/i,
    (address) => `the gateway at ${address} speaks plain text: leave out the TLS flags`,
  ],
  [
    /self.signed|unable to (verify|get)|unknown ca/i,
    (address) => `the certificate of ${address} is not by a known authority: name its authority with --ca FILE`,
  ],
  [
    /altnames|does not match/i,
    (address) => `the certificate of ${address} is for another name: give it with --server-name`,
  ],
  [
    /certificate required|bad certificate/i,
    () => "the gateway wants a certificate that it knows: --cert FILE --key FILE",
  ],
  [
    /Connection dropped|Failed to connect|ECONNRESET|Protocol error|socket hang up/,
    (address) => `${address} ended the connection: does it want TLS (--tls or --ca FILE), and is it a gateway?`,
  ],
  [/Deadline exceeded/, (address) => `${address} did not answer in time: is it a gateway, and can it be reached?`],
];

const BY_CODE: Readonly<Record<string, string>> = {
  UNAUTHENTICATED: "Give a token with --token-file FILE or OTA_TOKEN, or a certificate with --cert and --key",
  UNIMPLEMENTED: "Is it an ota-gateway, and not older than this program?",
};

/** What to print about it, as wide as the terminal. */
export function errorText(error: unknown, address: string): string {
  const text = `error: ${adviceOn(error, address)}`;
  return `${process.stderr.isTTY ? wrapped(text, process.stderr.columns) : text}\n`;
}

/** One sentence or two. */
function adviceOn(error: unknown, address: string): string {
  if (!(error instanceof OtaError)) return (error as Error).message;
  if (error.reason === "TRANSPORT") {
    const [, advice] = ADVICE.find(([pattern]) => pattern.test(error.message)) ?? [];
    if (advice) return advice(address);
  }
  if (error.violations.length > 0) return error.violations.map(flagged).join("; ");
  const advice = BY_CODE[error.code];
  return `${error.message} (${error.code})${advice ? `. ${advice}` : ""}`;
}

/** Fields by the flags that set them. */
function flagged({ field, description }: Violation): string {
  return `--${field.replaceAll("_", "-").replace("iot-", "")} ${description}`;
}
