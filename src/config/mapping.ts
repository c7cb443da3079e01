// Checks mappings of the file. A value that is no mapping and an unknown setting are mistakes,
// reported with their place.

/** Reports a mistake: where it is, and what was expected there. */
export type Wrong = (where: string, expected: string) => void;

export function mapping(value: unknown, where: string, wrong: Wrong): Record<string, unknown> {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  wrong(where, "a mapping");
  return {};
}

/** Rejects unknown names, so that a misspelled setting cannot be taken for one that is absent. */
export function known(value: Record<string, unknown>, names: readonly string[], where: string, wrong: Wrong): void {
  for (const name of Object.keys(value)) {
    if (!names.includes(name)) wrong(`${where}${name}`, `no other setting than ${names.join(", ")}`);
  }
}
