// Stores the results of a run, one JSON file for each scenario. The pictures are drawn from these
// files, and can be drawn again without measuring.
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { arch, cpus, platform, totalmem } from "node:os";
import { boundOf, type Goal, type Measured } from "./goal.js";

const RESULTS = new URL("./results/", import.meta.url);

/** The machine that was measured on. */
export interface Machine {
  readonly cores: number;
  readonly memoryGb: number;
  readonly platform: string;
  readonly node: string;
  /**
   * The load average of the minute before the scenario, with what the same run of the bench had
   * done. Undefined in older results.
   */
  readonly load?: number;
}

interface Result<Figures> extends Measured<Figures> {
  readonly machine: Machine;
}

/** `load`: the machine's before the scenario began. */
export function writeResult(scenario: string, { goals, figures }: Measured, load: number): void {
  const machine: Machine = {
    cores: cpus().length,
    memoryGb: Math.round(totalmem() / 2 ** 30),
    platform: `${platform()} ${arch()}`,
    node: process.version,
    load,
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

/** Writes all figures of all results into one table. */
export function writeTable(): void {
  const names = readdirSync(RESULTS).flatMap((file) => /^(.*)\.json$/.exec(file)?.[1] ?? []);
  const sections = names.flatMap((name) => {
    const result = readResult(name);
    if (!result) return [];
    const { goals, machine } = result;
    const rows = goals.map((goal) => `| ${goal.name} | ${goal.value} | ${boundOf(goal)} |`);
    return [
      `## ${name}`,
      "",
      `${describeMachine(machine)}.`,
      "",
      "| figure | value | |",
      "|---|---|---|",
      ...rows,
    ].join("\n");
  });
  const text = [
    "# The last run of `npm run bench`",
    "",
    "Written by that command. docs/performance.md explains the figures.",
  ].join("\n");
  writeFileSync(new URL("README.md", RESULTS), `${[text, ...sections].join("\n\n")}\n`);
}

function describeMachine({ cores, memoryGb, platform, node, load }: Machine): string {
  const where = `${cores} cores, ${memoryGb} GB, ${platform}, Node ${node}`;
  return load === undefined ? where : `${where}, load ${load.toFixed(1)} before it`;
}

function rounded(goal: Goal): Goal {
  return { ...goal, value: Number(goal.value.toPrecision(4)) };
}

/** Rounds, because more digits would only be noise in the history. */
function roundedNumbers(_: string, value: unknown): unknown {
  return typeof value === "number" && !Number.isInteger(value) ? Number(value.toPrecision(5)) : value;
}
