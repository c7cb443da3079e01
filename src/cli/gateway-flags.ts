// The flags of every subcommand that calls a gateway: its address, how to reach it safely, and the
// caller.
import { readFileSync, statSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { type Command, Option } from "commander";
import { SECRET, wrongWith } from "../base/text-rules.js";
import { visible } from "../base/visible-text.js";
import { type Client, type ConnectOptions, connect, type Token } from "../client/client.js";
import { CALLER_NAME_RULE, isCallerName } from "../identity/caller-name.js";
import { authorityMistakes, trustSystemAuthorities } from "../network/authorities.js";
import { DEFAULT_ADDRESS, gatewayTarget } from "./gateway-address.js";
import { type TlsFlags, tlsBy } from "./tls-flags.js";
import { withoutValue } from "./unknown-flag.js";

export interface GatewayFlags extends TlsFlags {
  readonly address: string;
  readonly caller?: string;
  readonly tokenFile?: string;
}

const ADDRESS_VARIABLE = "OTA_ADDRESS";

export function addGatewayFlags(command: Command): Command {
  const address = new Option(
    "--address <host:port>",
    `address of the gateway, or of several replicas, with commas; the variable ${ADDRESS_VARIABLE} can hold it instead`,
  ).default(DEFAULT_ADDRESS);
  if (process.env[ADDRESS_VARIABLE]?.trim()) address.env(ADDRESS_VARIABLE);
  return command
    .configureOutput({ outputError: (text, write) => write(withoutValue(text)) })
    .addOption(address)
    .option("--caller <name>", "your caller name, where the gateway does not authenticate callers")
    .option("--tls", "use TLS; implied by the other TLS flags")
    .option(
      "--ca <file>",
      "PEM file with the CA to trust; without it, the system's (SSL_CERT_FILE, SSL_CERT_DIR) and Node's",
    )
    .option("--cert <file>", "PEM file with the client certificate; needs --key")
    .option("--key <file>", "PEM file with the private key of the certificate")
    .option("--server-name <name>", "name in the gateway's certificate, if it differs from the address")
    .option("--token-file <file>", "file with a bearer token; the variable OTA_TOKEN can hold the token instead");
}

/** Creates the client. Ends the command as misuse if the flags cannot be used. */
export function clientBy(flags: GatewayFlags, command: Command): Client {
  const { caller, tokenFile } = flags;
  const misuse = (message: string): never =>
    command.error(`error: ${visible(message)}`, { exitCode: 2, code: "gateway.flags" });
  if (caller !== undefined && !isCallerName(caller)) misuse(`--caller ${caller} is not a name of ${CALLER_NAME_RULE}`);
  const source = command.getOptionValueSource("address") === "env" ? ADDRESS_VARIABLE : "--address";
  const address = gatewayTarget(flags.address.trim(), (wrong) => misuse(`${source} ${wrong}`));
  const tls = tlsBy(flags, misuse);
  if (tls && !flags.ca) {
    const [mistake] = authorityMistakes(process.env);
    if (mistake) misuse(mistake);
    trustSystemAuthorities();
  }
  const given = tokenFile ? tokenIn(tokenFile, misuse) : process.env["OTA_TOKEN"]?.trim() || undefined;
  if (given !== undefined) checkToken(given, tokenFile ? "the file of --token-file" : "OTA_TOKEN", misuse);
  const token: Token | undefined =
    tokenFile && !statSync(tokenFile).isFIFO() // a pipe, such as <(command), can be read only once
      ? () => readFile(tokenFile, "utf8") // read for each call, because token files are renewed
      : given;
  const options: ConnectOptions = { ...(caller && { caller }), ...(tls && { tls }), ...(token && { token }) };
  try {
    return connect(address, options);
  } catch (error) {
    const { message } = error as Error;
    return misuse(`${message}${message.endsWith("set tls") ? " (--tls)" : ""}`);
  }
}

/**
 * Reads the token file. Errors show the code alone, because the flag may hold the token itself by
 * mistake.
 */
function tokenIn(tokenFile: string, misuse: (message: string) => never): string {
  try {
    return readFileSync(tokenFile, "utf8").trim();
  } catch (error) {
    return misuse(`--token-file names a file that cannot be read: ${(error as NodeJS.ErrnoException).code}`);
  }
}

function checkToken(token: string, place: string, misuse: (message: string) => never): void {
  if (token === "") misuse("--token-file names an empty file");
  const wrong = wrongWith(token, SECRET);
  if (wrong) misuse(`${place} cannot be used: its token ${wrong}`);
}
