// The subcommand `quota`: prints the state of an account, once or every second until it is stopped.
import { Command } from "commander";
import { sleepUntil, systemClock } from "../base/clock.js";
import { nextSignalOrHangup } from "../base/signals.js";
import { type Client, OtaError, type Quota } from "../client/client.js";
import { errorText } from "./gateway-advice.js";
import { addGatewayFlags, type GatewayFlags } from "./gateway-flags.js";
import { quotaLine, quotaText } from "./quota-text.js";
import { jsonLine } from "./terminal/json.js";
import { type Paint, paintFor } from "./terminal/paint.js";
import { screenRows } from "./terminal/screen-rows.js";
import { withClient } from "./with-client.js";

interface Flags extends GatewayFlags {
  readonly account?: string;
  readonly watch?: true;
  readonly json?: true;
}

const WATCH_MS = 1000;
const ANSWER_MS = 10_000;

/** Codes of a gateway that restarts, or does not answer for a while. */
const PASSING_CODES: ReadonlySet<string> = new Set(["UNAVAILABLE", "DEADLINE_EXCEEDED"]);

/** Creates the command. It throws CommanderError for invalid flags. */
export function quotaCommand(): Command {
  const command = new Command("quota")
    .description("Print the state of an account: its tokens, what waits, and how long a new request would wait.")
    .option("--account <name>", "one of the gateway's accounts")
    .option("--watch", "repeat every second until Ctrl-C, even while a gateway that has answered before is away")
    .option("--json", "print JSON, one line each time");
  return addGatewayFlags(command).showHelpAfterError("(see --help)").exitOverride().action(run);
}

async function run(flags: Flags, command: Command): Promise<void> {
  await withClient(flags, command, async (client) => {
    if (flags.watch) await watch(client, flags);
    else process.stdout.write(textOf(await ask(client, flags), flags, paintFor(process.stdout)));
  });
}

/**
 * Requires only the first answer. A gateway that has answered once may be restarted, and is asked
 * until it is back.
 */
async function watch(client: Client, flags: Flags): Promise<void> {
  const stop = new AbortController();
  const { signal } = stop;
  void nextSignalOrHangup().then(() => stop.abort());
  const paint = paintFor(process.stdout);
  const isRedrawn = process.stdout.isTTY && !flags.json;
  let hasAnswered = false;
  let before = "";
  while (!signal.aborted) {
    try {
      const text = textOf(await ask(client, flags, signal), flags, paint);
      const rows = isRedrawn ? screenRows(before, process.stdout.columns) : 0;
      process.stdout.write(rows > 0 ? `\x1b[${rows}A\x1b[J${text}` : text);
      before = text;
      hasAnswered = true;
    } catch (error) {
      if (signal.aborted) return;
      if (!hasAnswered || !(error instanceof OtaError) || !PASSING_CODES.has(error.code)) throw error;
      process.stderr.write(errorText(error, flags));
      before = ""; // the last table stays above the error
    }
    await sleepUntil(systemClock, systemClock.now() + WATCH_MS, signal).catch(() => {});
  }
}

function ask(client: Client, { account }: Flags, signal?: AbortSignal): Promise<Quota> {
  return client.getQuota(account, { timeoutMs: ANSWER_MS, ...(signal && { signal }) });
}

function textOf(quota: Quota, { json, watch }: Flags, paint: Paint): string {
  if (json) return jsonLine(watch ? { time: new Date(systemClock.wallNow()), ...quota } : quota);
  if (!watch || process.stdout.isTTY) return quotaText(quota, paint);
  return `${new Date(systemClock.wallNow()).toISOString()} ${quotaLine(quota)}\n`;
}
