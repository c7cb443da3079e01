// How many histories a property test explores. Those of the pinned seed are the same in every run, so a quarter of them
// is enough there; `npm run histories` explores all of them, with a fresh seed each time.

export function runs(all: number): number {
  return process.env["HISTORY_SEED"] === undefined ? Math.ceil(all / 4) : all;
}
