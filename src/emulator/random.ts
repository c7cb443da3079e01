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

/** Makes a RequestId as the upstream does: a UUID in capitals. */
export function newRequestId(random: Random): string {
  return "xxxxxxxx-xxxx-4xxx-Nxxx-xxxxxxxxxxxx".replace(/[xN]/g, (place) =>
    Math.floor(place === "N" ? 8 + random() * 4 : random() * 16)
      .toString(16)
      .toUpperCase(),
  );
}
