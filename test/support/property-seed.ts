// Pins the seed of property tests, so that they explore the same histories in every run and fail
// only because of a change. `npm run histories` gives a fresh seed; to replay a failure, it also
// gives the path.
import fc from "fast-check";

const PINNED_SEED = 20_261_129;

const { HISTORY_SEED: seed, HISTORY_PATH: path } = process.env;

fc.configureGlobal({ seed: Number(seed ?? PINNED_SEED), ...(path && { path, endOnFailure: true }) });

/** Prints the seed once for each run; vitest calls it. */
export function setup(): void {
  process.stderr.write(`property tests: seed ${seed ?? `${PINNED_SEED}; fresh ones: npm run histories`}\n`);
}
