// Mappings of the file: what is none, and a setting that there is not, is a mistake with its place.

/** Notes a mistake: where it is, and what was expected there. */
export type Wrong = (where: string, expected: string) => void;

export function mapping(value: unknown, where: string, wrong: Wrong): Record<string, unknown> {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  wrong(where, "a mapping");
  return {};
}

/** A misspelt setting must not be taken for one that is not there. */
export function known(value: Record<string, unknown>, names: readonly string[], where: string, wrong: Wrong): void {
  for (const name of Object.keys(value)) {
    if (!names.includes(name)) wrong(`${where}${name}`, `no other setting than ${names.join(", ")}`);
  }
}
