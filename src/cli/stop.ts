// The subcommand `stop`: shows what a stop of a rollout would reach, asks, has the gateway carry it
// out, and reports. Exits with 0 only if nothing is left, with 1 if not, and with 2 for misuse.
import { randomUUID } from "node:crypto";
import { createInterface } from "node:readline/promises";
import { Command } from "commander";
import { sleepUntil, systemClock } from "../base/clock.js";
import { nextSignal } from "../base/signals.js";
import { visible } from "../base/visible-text.js";
import { type Client, OtaError, type Rollout, type StopRequest } from "../client/client.js";
import { awaitRollout } from "./await-rollout.js";
import { followOperation } from "./follow.js";
import { addGatewayFlags, type GatewayFlags } from "./gateway-flags.js";
import { operationText } from "./operation-text.js";
import { rolloutText } from "./rollout-text.js";
import { addScopeFlags, type ScopeFlags, scopeByFlags } from "./scope-flags.js";
import { goesOnText, mayGoOnText } from "./stop/goes-on.js";
import { planFor } from "./stop/plan.js";
import { jsonLine } from "./terminal/json.js";
import { paintFor } from "./terminal/paint.js";
import { timeFlagMs } from "./time-flag.js";
import { withClient } from "./with-client.js";

interface Flags extends GatewayFlags, ScopeFlags {
  readonly states?: string;
  readonly keepStrategies?: true;
  readonly settle?: string;
  readonly includeNewJobs?: true;
  readonly listInstalled?: true;
  readonly reason?: string;
  readonly dryRun?: true;
  readonly yes?: true;
  readonly json?: true;
}

const STATES = ["CONFIRM", "QUEUED", "NOTIFIED", "IN_PROGRESS"] as const;

/** An order whose answer was lost is repeated under the same key for so long. */
const ORDER_MS = 60_000;
const AGAIN_MS = 500;

/** Creates the command. It throws CommanderError for invalid flags. */
export function stopCommand(): Command {
  const command = new Command("stop")
    .description(
      "Stop the rollout of a firmware: every open update batch of it, or one. Shows the plan and asks first.",
    )
    .usage("--product-key KEY --firmware-id ID [flags]");
  addScopeFlags(command)
    .option("--states <list>", `tasks to cancel: ${STATES.join(",").toLowerCase()} (default: all of them)`)
    .option("--keep-strategies", "leave dynamic batches open: devices go on joining them")
    .option("--settle <time>", "how long to look for tasks that are left or appear later, such as 10m (default: 2m)")
    .option("--include-new-jobs", "also stop batches of this firmware that are created meanwhile")
    .option("--list-installed", "also list devices that run the firmware already; see operations results")
    .option("--reason <text>", "reason of the stop, for the audit log")
    .option("--dry-run", "show the plan; change nothing")
    .option("--yes", "do not ask")
    .option("--json", "print the report as JSON; with --dry-run, the batches");
  return addGatewayFlags(command)
    .addHelpText(
      "after",
      `
The gateway carries the stop out, and goes on without this program: Ctrl-C only
ends the watching. To end the stop itself: ota-gateway operations stop NAME.
Exit code: 0 if nothing is left, with --dry-run if the batches were read; 1 if
something is left, could not be known, or the answer was no; 2 for invalid flags.`,
    )
    .showHelpAfterError("(see --help)")
    .exitOverride()
    .action(run);
}

async function run(flags: Flags, command: Command): Promise<void> {
  const misuse = (message: string): never => command.error(`error: ${message}`, { exitCode: 2, code: "stop.misuse" });
  const canAsk = Boolean(process.stdin.isTTY && process.stderr.isTTY);
  if (!flags.dryRun && !flags.yes && !canAsk)
    misuse("without a terminal there is nobody to ask: give --yes to stop the rollout, or --dry-run to see the plan");
  const request = requestBy(flags, misuse);
  await withClient(flags, command, async (client) => {
    process.exitCode = 1;
    const rollout = await awaitRollout(client, scopeByFlags(flags));
    if (flags.dryRun) {
      process.stdout.write(flags.json ? jsonLine(rollout) : planText(rollout, request, process.stdout));
      process.exitCode = 0;
      return;
    }
    process.stderr.write(planText(rollout, request, process.stderr));
    if (!flags.yes && !(await isAgreed())) {
      process.stderr.write("Nothing was changed.\n");
      return;
    }
    await stop(client, { ...request, etag: rollout.etag, requestId: randomUUID() }, flags);
  });
}

async function stop(client: Client, request: StopRequest, flags: Flags): Promise<void> {
  const left = new AbortController();
  void nextSignal().then(() => left.abort());
  let name: string;
  try {
    name = await order(client, request, left.signal);
  } catch (error) {
    if (left.signal.aborted || isLost(error)) process.stderr.write(mayGoOnText(flags));
    if (left.signal.aborted) return;
    throw error;
  }
  process.stderr.write(`${visible(name)}\n`);
  let isDone = false;
  try {
    const status = await followOperation(client, name, left.signal);
    const paint = paintFor(process.stdout);
    process.stdout.write(flags.json ? jsonLine(status) : operationText(status, paint));
    process.exitCode = status.success ? 0 : 1;
    isDone = status.done;
  } finally {
    // Also if the gateway is lost from sight: what it does is not known here.
    if (!isDone) process.stderr.write(goesOnText(name, flags));
  }
}

/** Stores the order. Repeated under its key while the answer is lost on the way. */
async function order(client: Client, request: StopRequest, signal: AbortSignal): Promise<string> {
  const untilMs = systemClock.now() + ORDER_MS;
  for (;;) {
    try {
      return (await client.stopRollout(request, { signal })).name;
    } catch (error) {
      if (!isLost(error) || systemClock.now() > untilMs) throw error;
      await sleepUntil(systemClock, systemClock.now() + AGAIN_MS, signal);
    }
  }
}

function isLost(error: unknown): boolean {
  return error instanceof OtaError && (error.code === "UNAVAILABLE" || error.reason === "SUBMISSION_UNKNOWN");
}

function requestBy(flags: Flags, misuse: (message: string) => never): StopRequest {
  const { reason } = flags;
  const settleMs = timeFlagMs("--settle", flags.settle, misuse);
  const states = flags.states?.split(",").map((word) => {
    const state = STATES.find((each) => each === word.trim().toUpperCase().replace("-", "_"));
    return state ?? misuse(`--states ${word.trim()} is none of ${STATES.join(", ").toLowerCase()}`);
  });
  return {
    ...scopeByFlags(flags),
    ...(reason && { reason }),
    ...(states && { states }),
    ...(settleMs !== undefined && { settleMs }),
    ...(flags.keepStrategies && { keepStrategies: true }),
    ...(flags.includeNewJobs && { includeNewJobs: true }),
    ...(flags.listInstalled && { listInstalled: true }),
  };
}

function planText(rollout: Rollout, request: StopRequest, stream: NodeJS.WriteStream): string {
  return rolloutText(rollout, paintFor(stream), (job) => {
    const plan = planFor(job, request);
    return plan.length > 0 ? `stop: ${plan.join(", ")}` : "stop: nothing to do";
  });
}

/** Ctrl-C and the end of the input are a no. */
async function isAgreed(): Promise<boolean> {
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  const no = new AbortController();
  for (const event of ["SIGINT", "close"] as const) terminal.once(event, () => no.abort());
  try {
    const answer = await terminal.question("\nStop it? [y/N] ", { signal: no.signal });
    return /^y(es)?$/i.test(answer.trim());
  } catch {
    process.stderr.write("\n");
    return false;
  } finally {
    terminal.close();
  }
}
