// Randomness that can be repeated: latency and RequestIds, never anything secret.

/** A number from 0 up to, but not including, 1. */
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

/** A RequestId as the upstream writes it: a UUID in capitals. */
export function newRequestId(random: Random): string {
  return "xxxxxxxx-xxxx-4xxx-Nxxx-xxxxxxxxxxxx".replace(/[xN]/g, (place) =>
    Math.floor(place === "N" ? 8 + random() * 4 : random() * 16)
      .toString(16)
      .toUpperCase(),
  );
}
