// What a run has found, one JSON file a scenario: the pictures are drawn from these, and can be drawn again without
// measuring.
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { arch, cpus, platform, totalmem } from "node:os";
import type { Goal, Measured } from "./goal.js";

const RESULTS = new URL("./results/", import.meta.url);

/** What it was measured on. */
export interface Machine {
  readonly cores: number;
  readonly memoryGb: number;
  readonly platform: string;
  readonly node: string;
}

interface Result<Figures> extends Measured<Figures> {
  readonly machine: Machine;
}

export function writeResult(scenario: string, { goals, figures }: Measured): void {
  const machine: Machine = {
    cores: cpus().length,
    memoryGb: Math.round(totalmem() / 2 ** 30),
    platform: `${platform()} ${arch()}`,
    node: process.version,
  };
  mkdirSync(RESULTS, { recursive: true });
  const result: Result<unknown> = { machine, goals: goals.map(rounded), figures };
  writeFileSync(new URL(`${scenario}.json`, RESULTS), `${JSON.stringify(result, roundedNumbers, 1)}\n`);
}

/** Undefined if it has not been measured. */
export function readResult<Figures>(scenario: string): Result<Figures> | undefined {
  try {
    return JSON.parse(readFileSync(new URL(`${scenario}.json`, RESULTS), "utf8")) as Result<Figures>;
  } catch {
    return undefined;
  }
}

export function writePicture(name: string, svg: string): void {
  writeFileSync(new URL(`${name}.svg`, RESULTS), svg);
}

function rounded(goal: Goal): Goal {
  return { ...goal, value: Number(goal.value.toPrecision(4)) };
}

/** More digits would only be noise in the history. */
function roundedNumbers(_: string, value: unknown): unknown {
  return typeof value === "number" && !Number.isInteger(value) ? Number(value.toPrecision(5)) : value;
}
