// Lends a command the client of its gateway. An error of the client is explained, and is exit code
// 1; any other is thrown.
import type { Command } from "commander";
import { type Client, OtaError } from "../client/client.js";
import { errorText } from "./gateway-advice.js";
import { clientBy, type GatewayFlags } from "./gateway-flags.js";

export async function withClient(
  flags: GatewayFlags,
  command: Command,
  work: (client: Client) => Promise<void>,
): Promise<void> {
  const client = clientBy(flags, command);
  try {
    await work(client);
  } catch (error) {
    if (!(error instanceof OtaError)) throw error;
    process.stderr.write(errorText(error, flags));
    process.exitCode = 1;
  } finally {
    client.close();
  }
}
