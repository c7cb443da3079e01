// What every hostile thing is made of: numbers, bytes and picks from one seeded source, so that a run that
// fails can be run again by its seed.
import { seededRandom } from "../support/seeded-random.js";

export interface Chance {
  /** A whole number below `bound`. */
  below(bound: number): number;
  pick<T>(from: readonly T[]): T;
  bytes(length: number): Buffer;
}

export function createChance(seed: number): Chance {
  const random = seededRandom(seed);
  const below = (bound: number) => Math.floor(random() * bound);
  return {
    below,
    pick: <T>(from: readonly T[]) => from[below(from.length)] as T,
    bytes: (length) => Buffer.from(Array.from({ length }, () => below(256))),
  };
}
