// Repeatable randomness, for latencies and RequestIds and never for secrets.

/** Returns a number from 0 up to, but not including, 1. */
export type Random = () => number;

/** The same sequence for the same seed (mulberry32). */
export function seededRandom(seed: number): Random {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let bits = Math.imul(state ^ (state >>> 15), state | 1);
    bits ^= bits + Math.imul(bits ^ (bits >>> 7), bits | 61);
    return ((bits ^ (bits >>> 14)) >>> 0) / 2 ** 32;
  };
}

const PURPOSES = ["transit", "request-id", "fault", "device"] as const;

/** Either all of it, or the seed that it follows from. */
export interface Randomness {
  readonly seed: number | undefined;
  /** Used for everything if there is no seed. */
  readonly random: Random;
}

/**
 * The randomness for one purpose and thing. A seed gives each its own sequence, so that a further
 * call or a canceled task changes nothing for the others.
 */
export function randomFor(
  { seed, random }: Randomness,
  purpose: (typeof PURPOSES)[number],
  ...of: readonly number[]
): Random {
  if (seed === undefined) return random;
  const mixed = [PURPOSES.indexOf(purpose), ...of].reduce((hash, part) => Math.imul(hash ^ part, 0x0100_0193), seed);
  return seededRandom(mixed);
}

/** Makes a RequestId as the upstream does: a UUID in capitals. */
export function newRequestId(random: Random): string {
  return "xxxxxxxx-xxxx-4xxx-Nxxx-xxxxxxxxxxxx".replace(/[xN]/g, (place) =>
    Math.floor(place === "N" ? 8 + random() * 4 : random() * 16)
      .toString(16)
      .toUpperCase(),
  );
}
