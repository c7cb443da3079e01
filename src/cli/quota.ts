// The subcommand `quota`: how the account stands; once, or every second until it is stopped.
import { Command } from "commander";
import { type Client, OtaError, type Quota } from "../client/client.js";
import { sleepUntil, systemClock } from "../clock.js";
import { nextSignal } from "../signals.js";
import { count, counted, duration } from "../terminal/figures.js";
import { type Paint, paintFor } from "../terminal/paint.js";
import { errorText } from "./gateway-advice.js";
import { addGatewayFlags, clientBy, type GatewayFlags } from "./gateway-flags.js";

interface Flags extends GatewayFlags {
  readonly account?: string;
  readonly watch?: true;
  readonly json?: true;
}

const WATCH_MS = 1000;
const ANSWER_MS = 10_000;

/** A gateway that is restarted, or does not answer for a while. */
const PASSING_CODES: ReadonlySet<string> = new Set(["UNAVAILABLE", "DEADLINE_EXCEEDED"]);

const LEDGERS: Record<Quota["ledger"], string> = {
  IN_PROCESS: "in this gateway alone",
  SHARED: "shared by all replicas",
  OPENING: "opening: it has just begun or was lost, and sends nothing until earlier calls no longer count",
  AWAY: "away: the shared store is out of reach; nothing is sent, but for what OTA_ON_STORE_LOSS=share allows",
  UNSPECIFIED: "not told",
};

/** Throws CommanderError for flags that it does not take. */
export function quotaCommand(): Command {
  const command = new Command("quota")
    .description("Tell how an account stands: its tokens, who waits, and how long a new request would wait.")
    .option("--account <name>", "one of the gateway's accounts")
    .option("--watch", "again every second, until Ctrl-C; also after a gateway that was there has gone")
    .option("--json", "print JSON, one line each time");
  return addGatewayFlags(command).showHelpAfterError("(--help tells more)").exitOverride().action(run);
}

async function run(flags: Flags, command: Command): Promise<void> {
  const client = clientBy(flags, command);
  try {
    if (flags.watch) await watch(client, flags);
    else process.stdout.write(textOf(await ask(client, flags), flags, paintFor(process.stdout)));
  } catch (error) {
    if (!(error instanceof OtaError)) throw error;
    process.stderr.write(errorText(error, flags.address));
    process.exitCode = 1;
  } finally {
    client.close();
  }
}

/** Only the first answer must come: a gateway that has been there may be restarted, and is asked until it is back. */
async function watch(client: Client, flags: Flags): Promise<void> {
  const stop = new AbortController();
  const { signal } = stop;
  void nextSignal().then(() => stop.abort());
  const paint = paintFor(process.stdout);
  const isRedrawn = process.stdout.isTTY && !flags.json;
  let hasAnswered = false;
  let linesBefore = 0;
  while (!signal.aborted) {
    try {
      const text = textOf(await ask(client, flags, signal), flags, paint);
      process.stdout.write(isRedrawn && linesBefore > 0 ? `\x1b[${linesBefore}A\x1b[J${text}` : text);
      linesBefore = text.split("\n").length - 1;
      hasAnswered = true;
    } catch (error) {
      if (signal.aborted) return;
      if (!hasAnswered || !(error instanceof OtaError) || !PASSING_CODES.has(error.code)) throw error;
      process.stderr.write(errorText(error, flags.address));
      linesBefore = 0; // what was drawn stays above the error
    }
    await sleepUntil(systemClock, systemClock.now() + WATCH_MS, signal).catch(() => {});
  }
}

function ask(client: Client, { account }: Flags, signal?: AbortSignal): Promise<Quota> {
  return client.getQuota(account, { timeoutMs: ANSWER_MS, ...(signal && { signal }) });
}

function textOf(quota: Quota, { json, watch }: Flags, paint: Paint): string {
  if (json) return `${JSON.stringify(quota)}\n`;
  return watch && !process.stdout.isTTY ? `${plainLine(quota)}\n` : quotaText(quota, paint);
}

function plainLine(quota: Quota): string {
  return (
    `${quota.account}: ${quota.tokensFree} of ${quota.callsPerSecond} tokens free, ` +
    `${counted(quota.waitingDevices, "device")} of ${counted(quota.waitingCallers, "caller")} waiting, ` +
    `a new request waits ${duration(quota.expectedWaitMs)}`
  );
}

function quotaText(quota: Quota, paint: Paint): string {
  const { callsPerSecond, tokensFree, tokensInFlight, tokensCooling, tokensWithheld, pausedUntil } = quota;
  const isUsable = quota.ledger === "IN_PROCESS" || quota.ledger === "SHARED";
  const rows = [
    ["account", paint("bold", quota.account)],
    ["quota", `${count(callsPerSecond)} calls a second`],
    ["tokens", `${tokensFree} free, ${tokensInFlight} in calls under way, ${tokensCooling} on their way back`],
    ...(tokensWithheld > 0
      ? [["withheld", paint("yellow", `${tokensWithheld}: the upstream throttled, somebody else uses the account`)]]
      : []),
    ["waiting", `${counted(quota.waitingDevices, "device")} of ${counted(quota.waitingCallers, "caller")}`],
    ["expected wait", `${duration(quota.expectedWaitMs)} for a new request`],
    ...(pausedUntil ? [["paused until", paint("yellow", pausedUntil.toISOString())]] : []),
    ["ledger", isUsable ? LEDGERS[quota.ledger] : paint("yellow", LEDGERS[quota.ledger])],
  ] as const;
  return rows.map(([name, value]) => `${(name ?? "").padEnd(14)} ${value}\n`).join("");
}
