// The flags of every subcommand that asks a gateway: where it is, how to reach it safely, and who asks.
import { readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import type { Command } from "commander";
import { type Client, type ConnectOptions, connect, type Token } from "../client/client.js";
import { type TlsFlags, tlsBy } from "./tls-flags.js";

export interface GatewayFlags extends TlsFlags {
  readonly address: string;
  readonly caller?: string;
  readonly tokenFile?: string;
}

export function addGatewayFlags(command: Command): Command {
  return command
    .option("--address <host:port>", "the gateway", "127.0.0.1:50051")
    .option("--caller <name>", "who asks, where the gateway does not authenticate callers")
    .option("--tls", "encrypt; the other TLS flags say so too")
    .option("--ca <file>", "PEM: authorities to trust instead of the system's")
    .option("--cert <file>", "PEM: the client's certificate, with --key")
    .option("--key <file>", "PEM: its private key")
    .option("--server-name <name>", "what the gateway's certificate is for, if not the address")
    .option("--token-file <file>", "bearer token; or in the variable OTA_TOKEN");
}

/** Ends the command as misuse if the flags cannot be used. */
export function clientBy(flags: GatewayFlags, command: Command): Client {
  const { address, caller, tokenFile } = flags;
  const misuse = (message: string): never => command.error(`error: ${message}`, { exitCode: 2, code: "gateway.flags" });
  if (!/^\S+:\d+$/.test(address)) misuse(`--address ${address} is not host:port, like 127.0.0.1:50051`);
  const tls = tlsBy(flags, misuse);
  if (tokenFile && tokenIn(tokenFile, misuse) === "") misuse("--token-file names a file that is empty");
  const token: Token | undefined = tokenFile
    ? () => readFile(tokenFile, "utf8") // anew for each call: tokens in files are renewed
    : process.env["OTA_TOKEN"]?.trim();
  const options: ConnectOptions = { ...(caller && { caller }), ...(tls && { tls }), ...(token && { token }) };
  try {
    return connect(address, options);
  } catch (error) {
    const { message } = error as Error;
    return misuse(`${message}${message.endsWith("set tls") ? " (--tls)" : ""}`);
  }
}

/** Tells the code alone: somebody may have given the token itself instead of its file. */
function tokenIn(tokenFile: string, misuse: (message: string) => never): string {
  try {
    return readFileSync(tokenFile, "utf8").trim();
  } catch (error) {
    return misuse(`--token-file names no file that can be read: ${(error as NodeJS.ErrnoException).code}`);
  }
}
