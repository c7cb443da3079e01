// The goals of operations that survive: each part is a file of bench/operations. PostgreSQL and
// Redis are real; where one is missing, its parts are left out.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { provide } from "../../test/support/debian.js";
import { type PostgresServer, startPostgres } from "../../test/support/postgres.js";
import type { Goal, Measured } from "../goal.js";
import { idleCost } from "../operations/idle-cost.js";
import { millionOf } from "../operations/million.js";
import { observers } from "../operations/observers.js";
import { processorTime } from "../operations/processor-time.js";
import { slowCommits } from "../operations/slow-commits.js";
import { takeover } from "../operations/takeover.js";

const SQLITE = "SQLite";
const POSTGRES = "PostgreSQL";
const MILLION = 1_000_000;

export function operations(isShort: boolean): Promise<Measured> {
  return withStores(async (statesFor, postgres) => {
    const goals: Goal[] = [];
    const list = isShort ? { devices: 100_000, drained: 10_000 } : { devices: MILLION, drained: 60_000 };
    goals.push(...(await millionOf(await statesFor("million"), list)));
    const cost = isShort ? { devices: 20_000, rounds: 1 } : { devices: 60_000, rounds: 3 };
    goals.push(...(await processorTime(await statesFor("cost"), cost)));
    const idle = isShort ? { processes: 1, rounds: 2, restMs: 5000 } : { processes: 2, rounds: 4, restMs: 20_000 };
    goals.push(...(await idleCost(idleStates(await statesFor("idle")), idle)));
    if (!postgres) return goals;
    const slow = isShort ? { devices: 40_000, requests: 30 } : { devices: 100_000, requests: 150 };
    goals.push(...(await slowCommits(postgres, slow)));
    goals.push(...(await observers(postgres, isShort ? 100 : 1000)));
    if (provide("redis")) goals.push(...(await takeover(postgres, isShort ? 8000 : 40_000)));
    return goals;
  });
}

/** A million devices to the last one, which takes nine minutes. */
export function million(): Promise<Measured> {
  return withStores(async (statesFor) => millionOf(await statesFor("million"), { devices: MILLION, drained: MILLION }));
}

/** `statesFor`: the setting OTA_STATE of each store, new for each part. */
async function withStores(
  work: (
    statesFor: (part: string) => Promise<Map<string, string>>,
    postgres: PostgresServer | undefined,
  ) => Promise<Goal[]>,
): Promise<Measured> {
  const folder = mkdtempSync(join(tmpdir(), "ota-gateway-bench-"));
  const postgres = provide("postgres") ? await startPostgres() : undefined;
  try {
    const goals = await work(async (part) => {
      const database = postgres && (await postgres.database(part));
      return new Map([[SQLITE, join(folder, `${part}.db`)], ...(database ? [[POSTGRES, database] as const] : [])]);
    }, postgres);
    return { goals, figures: {} };
  } finally {
    await postgres?.end();
    rmSync(folder, { recursive: true });
  }
}

/** Only one process opens a file, and all share a database. */
function idleStates(states: ReadonlyMap<string, string>): Map<string, (nth: number) => string> {
  return new Map(
    [...states].map(([store, state]) => [store, (nth: number) => (store === SQLITE ? `${state}-${nth}` : state)]),
  );
}
