// Load by a program of test/support/load: it always has the same number of requests under way, one
// device each, and no device is requested twice.
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import type { Readable, Writable } from "node:stream";
import type { Names } from "./replicas.js";

export interface FleetLoad {
  /** Devices that were accepted. */
  readonly accepted: number;
  /** Lines of the program about the others, and its exit code unless it is 0. */
  readonly failed: readonly string[];
  /** When the program ends, which it does before `stop` only if it fails. */
  readonly ended: Promise<string>;
  /** Resolves when every request has been answered. */
  stop(): Promise<void>;
}

const UNDER_WAY = 8;

export function startFleetLoad(program: ChildProcess, names: Names): FleetLoad {
  const [stdin, stdout, stderr] = program.stdio as unknown as [Writable, Readable, Readable];
  const load = { accepted: 0, failed: [] as string[] };
  let isOver = false;
  let errors = "";
  const ask = () => void stdin.write(`${names.take(1)}\n`);
  stdin.on("error", () => {}); // the program has ended, and its exit code says why
  stderr.setEncoding("utf8").on("data", (text: string) => {
    errors += text;
  });
  createInterface(stdout).on("line", (line) => {
    if (line.endsWith(" OUTCOME_ACCEPTED")) load.accepted++;
    else load.failed.push(line);
    if (!isOver) ask();
  });
  const ended = once(program, "close").then(([code]) => {
    if (code !== 0) load.failed.push(`exit code ${code}: ${errors}`);
    return errors;
  });
  for (let index = 0; index < UNDER_WAY; index++) ask();
  return Object.assign(load, {
    ended,
    stop: async () => {
      isOver = true;
      stdin.end();
      await ended;
    },
  });
}
