// Names the seeded devices, in one place, so that clients know the names without asking.

/** Length of a seeded name without padding. */
export const SEEDED_NAME_LENGTH = 14;

/** `device-0000000`, `device-0000001`, …; padded in front up to `length`. */
export function seededName(index: number, length = SEEDED_NAME_LENGTH): string {
  return `device-${String(index).padStart(7, "0")}`.padStart(length, "emulated-");
}
