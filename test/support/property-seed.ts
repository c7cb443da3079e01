// Property tests explore the same histories in every run, from a pinned seed, so that a run fails only by a change.
// `npm run histories` gives a fresh seed, and to replay a failure its path as well.
import fc from "fast-check";

const PINNED_SEED = 20_261_129;

const { HISTORY_SEED: seed, HISTORY_PATH: path } = process.env;

fc.configureGlobal({ seed: Number(seed ?? PINNED_SEED), ...(path && { path, endOnFailure: true }) });

/** Prints the seed once a run; vitest calls it. */
export function setup(): void {
  process.stderr.write(`property tests: seed ${seed ?? `${PINNED_SEED}; fresh ones: npm run histories`}\n`);
}
