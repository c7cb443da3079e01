// The subcommand `operations`: lists the operations of a gateway, shows one, waits for it, writes
// its results, stops and deletes it; and lets operations of a restored store run.
import { Command } from "commander";
import { systemClock } from "../base/clock.js";
import { nextSignal } from "../base/signals.js";
import type { Client, Outcome } from "../client/client.js";
import { ConfigError, readConfig } from "../config/config.js";
import { StoreUnavailable } from "../operations/store.js";
import { openOperationStore } from "../serve/operation-store.js";
import { outputBy, STDOUT, UnusableOutput } from "./cancel/output.js";
import { resultFormatOf, resultRow } from "./cancel/result-row.js";
import { followOperation } from "./follow.js";
import { addGatewayFlags, type GatewayFlags } from "./gateway-flags.js";
import { operationLine, operationText } from "./operation-text.js";
import { endIfReaderHasLeft } from "./standard-streams.js";
import { jsonLine } from "./terminal/json.js";
import { paintFor } from "./terminal/paint.js";
import { withClient } from "./with-client.js";

interface Flags extends GatewayFlags {
  readonly json?: true;
  readonly running?: true;
  readonly output?: string;
  readonly failed?: true;
}

const JSON_FLAG = ["--json", "print JSON"] as const;

const OUTCOMES_OF_FAILURE: readonly Outcome[] = ["REJECTED", "UNKNOWN", "NOT_ATTEMPTED"];

/** Creates the command. It throws CommanderError for invalid flags and unusable files. */
export function operationsCommand(): Command {
  const operations = new Command("operations")
    .description("List, show, wait for, read, stop and delete the operations of a gateway.")
    .exitOverride();
  const sub = (
    name: string,
    description: string,
    work: (client: Client, name: string, flags: Flags) => Promise<void>,
  ) => {
    const command = new Command(name)
      .description(description)
      .argument("<name>", "operations/… as printed by cancel --detach and by stop")
      .option(...JSON_FLAG);
    operations.addCommand(withGateway(command, (client, flags, [operation = ""]) => work(client, operation, flags)));
    return command;
  };
  const list = new Command("list")
    .description("List your operations, newest first.")
    .option("--running", "only those that have not ended")
    .option(...JSON_FLAG);
  operations.addCommand(withGateway(list, listAll));
  sub("show", "Show one operation.", async (client, name, flags) => {
    const status = await client.operation(name).get();
    process.stdout.write(flags.json ? jsonLine(status) : operationText(status, paintFor(process.stdout)));
  });
  sub("wait", "Wait until it has ended. Exit code 0 if every device ended well, or the rollout is stopped.", wait);
  sub("results", "Print the outcome of each device that has one.", results)
    .option("--output <file>", "a new file, .csv or .jsonl; - for JSON lines on standard output (the default)")
    .option("--failed", "only devices that did not end well");
  sub("stop", "Stop it: nothing more is sent. Canceled tasks stay canceled.", async (client, name, flags) => {
    const operation = client.operation(name);
    await operation.stop();
    if (flags.json) process.stdout.write(jsonLine(await operation.get()));
  });
  sub("delete", "Delete it with its results, once it has ended.", async (client, name, flags) => {
    await client.operation(name).delete();
    if (flags.json) process.stdout.write(jsonLine({ name, deleted: true }));
  });
  operations.addCommand(
    new Command("resume")
      .description(
        "Let operations run that are held because their store is a restored copy. A gateway on a file must be stopped.",
      )
      .addHelpText("after", "\nReads OTA_STATE, like serve.")
      .option(...JSON_FLAG)
      .exitOverride()
      .action(resume),
  );
  return operations;
}

function withGateway(
  command: Command,
  work: (client: Client, flags: Flags, operands: string[]) => Promise<void>,
): Command {
  return addGatewayFlags(command)
    .showHelpAfterError("(see --help)")
    .exitOverride()
    .action(async (...given: unknown[]) => {
      const own = given.at(-1) as Command;
      const flags = own.opts<Flags>();
      try {
        await withClient(flags, own, (client) => work(client, flags, own.args));
      } catch (error) {
        if (!(error instanceof UnusableOutput)) throw error;
        own.error(`error: ${error.message}`, { exitCode: 2, code: "operations.misuse" });
      }
    });
}

async function listAll(client: Client, flags: Flags): Promise<void> {
  for await (const status of client.operations(flags.running ? { done: false } : {})) {
    process.stdout.write(flags.json ? jsonLine(status) : `${operationLine(status)}\n`);
  }
}

async function wait(client: Client, name: string, flags: Flags): Promise<void> {
  const stop = new AbortController();
  void nextSignal().then(() => stop.abort());
  const latest = await followOperation(client, name, stop.signal);
  process.stdout.write(flags.json ? jsonLine(latest) : operationText(latest, paintFor(process.stdout)));
  process.exitCode = latest.success ? 0 : 1;
}

async function results(client: Client, name: string, { output = STDOUT, failed, json }: Flags): Promise<void> {
  if (json && resultFormatOf(output) === "csv")
    throw new UnusableOutput("--json writes JSON lines; leave it out for a .csv file");
  const operation = client.operation(name);
  const { scope, endTime } = await operation.get();
  const file = outputBy(output, undefined)?.open((error) => {
    endIfReaderHasLeft(error.cause);
    throw error;
  });
  try {
    for await (const result of operation.results(failed ? { outcomes: OUTCOMES_OF_FAILURE } : {})) {
      file?.add(resultRow(result, scope, endTime ?? new Date()));
    }
  } finally {
    if (file?.close() !== undefined) process.exitCode = 1; // also after an error: what was read is written
  }
}

async function resume({ json }: Pick<Flags, "json">): Promise<void> {
  const config = readConfig(process.env);
  if (config.state === "") throw new ConfigError(["OTA_STATE: name the store"]);
  const store = await openOperationStore(config, systemClock);
  try {
    const resumed = await store.resume();
    const text = `${resumed} ${resumed === 1 ? "operation goes" : "operations go"} on when a gateway runs\n`;
    process.stdout.write(json ? jsonLine({ resumed }) : text);
  } catch (error) {
    if (!(error instanceof StoreUnavailable)) throw error;
    process.stderr.write(`error: ${error.message}\n`);
    process.exitCode = 1;
  } finally {
    await store.close();
  }
}
