// The goals of operations that survive: each part is a file of bench/operations. PostgreSQL and
// Redis are real; where one is missing, its parts are left out.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { provide } from "../../test/support/debian.js";
import { startPostgres } from "../../test/support/postgres.js";
import type { Goal, Measured } from "../goal.js";
import { idleCost } from "../operations/idle-cost.js";
import { millionOf } from "../operations/million.js";
import { observers } from "../operations/observers.js";
import { processorTime } from "../operations/processor-time.js";
import { slowCommits } from "../operations/slow-commits.js";
import { takeover } from "../operations/takeover.js";

const SQLITE = "SQLite";
const POSTGRES = "PostgreSQL";

export async function operations(isShort: boolean): Promise<Measured> {
  const folder = mkdtempSync(join(tmpdir(), "ota-gateway-bench-"));
  const postgres = provide("postgres") ? await startPostgres() : undefined;
  /** A store of its own for each part. */
  const statesFor = async (part: string) =>
    new Map([
      [SQLITE, join(folder, `${part}.db`)],
      ...(postgres ? [[POSTGRES, await postgres.database(part)] as const] : []),
    ]);
  const goals: Goal[] = [];
  try {
    const million = isShort ? { devices: 100_000, drained: 10_000 } : { devices: 1_000_000, drained: 60_000 };
    goals.push(...(await millionOf(await statesFor("million"), million)));
    const cost = isShort ? { devices: 40_000, rounds: 1 } : { devices: 200_000, rounds: 3 };
    goals.push(...(await processorTime(await statesFor("cost"), cost)));
    const idle = isShort ? { processes: 1, rounds: 2, restMs: 5000 } : { processes: 2, rounds: 4, restMs: 20_000 };
    goals.push(...(await idleCost(idleStates(folder, await statesFor("idle")), idle)));
    if (postgres) {
      const slow = isShort ? { devices: 40_000, requests: 30 } : { devices: 100_000, requests: 150 };
      goals.push(...(await slowCommits(postgres, slow)));
      goals.push(...(await observers(postgres, isShort ? 100 : 1000)));
      if (provide("redis")) goals.push(...(await takeover(postgres, isShort ? 8000 : 40_000)));
    }
  } finally {
    await postgres?.end();
    rmSync(folder, { recursive: true });
  }
  return { goals, figures: {} };
}

/** Only one process opens a file, and all share a database. */
function idleStates(folder: string, states: ReadonlyMap<string, string>): Map<string, (nth: number) => string> {
  return new Map(
    [...states].map(([store, state]) => [
      store,
      (nth: number) => (store === SQLITE ? join(folder, `idle-${nth}.db`) : state),
    ]),
  );
}
