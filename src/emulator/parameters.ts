// Reads the parameters of an operation. One that is present but empty counts as absent.
import { missingParameter } from "./errors.js";

export type CallParameters = ReadonlyMap<string, string>;

export function optional(parameters: CallParameters, name: string): string | undefined {
  return parameters.get(name) || undefined;
}

/** Throws `Missing<name>` if it is absent. */
export function required(parameters: CallParameters, name: string): string {
  const value = optional(parameters, name);
  if (value === undefined) throw missingParameter(name);
  return value;
}

/** The values of `name.1`, `name.2`, …, in the order of their numbers. Throws `Missing<name>` if there are none. */
export function requiredList(parameters: CallParameters, name: string): string[] {
  const numbered: [position: number, value: string][] = [];
  for (const [key, value] of parameters) {
    const position = key.startsWith(`${name}.`) ? Number(key.slice(name.length + 1)) : Number.NaN;
    if (Number.isInteger(position) && position > 0) numbered.push([position, value]);
  }
  if (numbered.length === 0) throw missingParameter(name);
  return numbered.sort(([a], [b]) => a - b).map(([, value]) => value);
}
