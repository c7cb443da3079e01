// The file that OTA_CONFIG names: what does not fit into variables. Now that is the callers' weights.
//
//   callers:
//     fleet-backend: { weight: 4 }      # four times the share of a caller of weight 1, the default
import { readFileSync } from "node:fs";
import { parse } from "yaml";

export interface CallerSettings {
  readonly weight: number;
}

export interface ConfigFile {
  readonly callers: ReadonlyMap<string, CallerSettings>;
}

const MAX_WEIGHT = 100;

/** What it is without a file. */
export const NO_FILE: ConfigFile = { callers: new Map() };

/** Reads the file; every mistake in it goes to `mistakes`. */
export function readConfigFile(path: string, mistakes: string[]): ConfigFile {
  const callers = new Map<string, CallerSettings>();
  const wrong = (where: string, expected: string) => mistakes.push(`${path}: ${where}: expected ${expected}`);
  for (const [section, content] of Object.entries(mapping(read(path, mistakes), "the file", wrong))) {
    if (section !== "callers") wrong(section, "no other section than callers");
    else {
      for (const [name, value] of Object.entries(mapping(content, "callers", wrong))) {
        callers.set(name, callerOf(`callers.${name}`, value, wrong));
      }
    }
  }
  return { callers };
}

type Wrong = (where: string, expected: string) => void;

function callerOf(where: string, value: unknown, wrong: Wrong): CallerSettings {
  const { weight = 1, ...others } = mapping(value, where, wrong);
  for (const name of Object.keys(others)) wrong(`${where}.${name}`, "no other setting than weight");
  const isFine = typeof weight === "number" && weight >= 1 && weight <= MAX_WEIGHT;
  if (!isFine) wrong(`${where}.weight`, `a number from 1 to ${MAX_WEIGHT}`);
  return { weight: isFine ? weight : 1 };
}

function read(path: string, mistakes: string[]): unknown {
  try {
    return parse(readFileSync(path, "utf8")) ?? {};
  } catch (error) {
    mistakes.push(`OTA_CONFIG: ${path} cannot be read: ${(error as Error).message.split("\n")[0]}`);
    return {};
  }
}

function mapping(value: unknown, where: string, wrong: Wrong): Record<string, unknown> {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  wrong(where, "a mapping");
  return {};
}
