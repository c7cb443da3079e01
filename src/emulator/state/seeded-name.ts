// The names of the seeded devices, in one place so that clients can name them without asking.

/** Characters of a seeded name that is not padded. */
export const SEEDED_NAME_LENGTH = 14;

/** `device-0000000`, `device-0000001`, …; with a `length`, padded in front up to it. */
export function seededName(index: number, length = SEEDED_NAME_LENGTH): string {
  return `device-${String(index).padStart(7, "0")}`.padStart(length, "emulated-");
}
