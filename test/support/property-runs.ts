// Decides how many histories a property test explores. With the pinned seed they are the same in
// every run, so a quarter is enough; `npm run histories` explores all of them, with a fresh seed
// each time.

export function runs(all: number): number {
  return process.env["HISTORY_SEED"] === undefined ? Math.ceil(all / 4) : all;
}
