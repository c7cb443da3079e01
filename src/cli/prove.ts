// The subcommand `prove`: reads files of the flight recorder, and prints the most arrivals that any
// second can have held. Exits with 0 if that is within the quota, 1 if it is not, 2 if the files
// cannot be used.
import { createReadStream } from "node:fs";
import type { Readable } from "node:stream";
import { Command, InvalidArgumentError } from "commander";
import { Incomparable, type Proof, prove } from "./prove/proof.js";
import { holds, proofJson, proofText } from "./prove/proof-text.js";
import { type FlightRecord, readFlightRecords, UnreadableRecord } from "./prove/read-flight-record.js";
import { jsonText } from "./terminal/json.js";

interface Flags {
  readonly json?: true;
  readonly clockErrorMs: number;
}

const STDIN = "-";

/** Creates the command. It throws CommanderError for invalid flags and unusable files. */
export function proveCommand(stdin: () => Readable = () => process.stdin): Command {
  return new Command("prove")
    .description(
      "Compute, from files of the flight recorder, the most calls that can have arrived at the upstream in any second.",
    )
    .argument("<file...>", "a file from /flight-record of the admin port; - for standard input")
    .option("--json", "print JSON: a list with one object for each account")
    .option("--clock-error-ms <ms>", "also show the result if every time is wrong by up to this much", errorMs, 0)
    .addHelpText("after", "\nExit code: 0 if no second can have held more than the quota, 1 if one can, 2 if a file")
    .addHelpText("after", "cannot be used. The result covers the calls in the files; give one from each replica.")
    .exitOverride()
    .action(async (files: string[], flags: Flags, command: Command) => {
      const proofs = await proofsOf(files, flags, stdin).catch((error: unknown) => {
        if (error instanceof UnreadableRecord || error instanceof Incomparable) {
          return command.error(error.message, { exitCode: 2, code: "prove.unusable" });
        }
        throw error;
      });
      const text = flags.json ? jsonText(proofs.map(proofJson)) : textOf(proofs);
      command.configureOutput().writeOut?.(text);
      process.exitCode = proofs.every(holds) ? 0 : 1;
    });
}

async function proofsOf(files: readonly string[], flags: Flags, stdin: () => Readable): Promise<Proof[]> {
  const records: FlightRecord[] = [];
  for (const file of new Set(files)) {
    const name = file === STDIN ? "standard input" : file;
    const stream = file === STDIN ? stdin() : createReadStream(file);
    records.push(...(await readFlightRecords(name, piecesOf(name, stream))));
  }
  return prove(records, flags.clockErrorMs);
}

async function* piecesOf(name: string, stream: Readable): AsyncGenerator<string> {
  try {
    for await (const piece of stream.setEncoding("utf8")) yield piece as string;
  } catch (error) {
    throw new UnreadableRecord(name, [`cannot be read: ${(error as Error).message}`]);
  }
}

function textOf(proofs: readonly Proof[]): string {
  return proofs.map(proofText).join("\n");
}

function errorMs(text: string): number {
  const value = /^\d+(\.\d+)?$/.test(text) ? Number(text) : Number.NaN;
  if (!(value <= 3_600_000)) throw new InvalidArgumentError("A number of milliseconds, up to an hour.");
  return value;
}
