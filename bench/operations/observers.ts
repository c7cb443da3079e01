// The cost of observing the store: the wrapper that times its calls, and the reading of all
// operations every three seconds, with a thousand of them.
import { systemClock } from "../../src/base/clock.js";
import { observedStore } from "../../src/operations/observed-store.js";
import { OperationsWatch } from "../../src/operations/operations-watch.js";
import { openPostgresStore } from "../../src/operations/postgres/postgres-store.js";
import type { OperationStore } from "../../src/operations/store.js";
import type { PostgresServer } from "../../test/support/postgres.js";
import { submissionOf } from "../../test/support/stored-operation.js";
import type { Goal } from "../goal.js";
import { median } from "../median.js";

const CALLS = 100_000;
const READ_EVERY_MS = 3000;
const READINGS = 20;

export async function observers(postgres: PostgresServer, operations: number): Promise<Goal[]> {
  const bounds = { operationsPerCaller: operations, devices: 1_000_000_000, retentionMs: 3_600_000 };
  const store = await openPostgresStore({
    ...{ address: await postgres.database("observed"), bounds, clock: systemClock },
  });
  for (let nth = 0; nth < operations; nth++) await store.publish(submissionOf(0, { caller: `caller-${nth % 50}` }));
  const watch = new OperationsWatch(store, systemClock);
  watch.close();
  while (!watch.reading) await new Promise((resolve) => setTimeout(resolve, 10)); // its first one is under way
  const times: number[] = [];
  const ownTimes: number[] = [];
  for (let nth = 0; nth < READINGS; nth++) {
    const [startMs, startCpuMs] = [performance.now(), ownCpuMs()];
    await watch.read();
    times.push(performance.now() - startMs);
    ownTimes.push(ownCpuMs() - startCpuMs);
  }
  await store.close();
  return [
    { name: "a call of the store that is observed: µs more", value: await wrapperUs(), most: 10 },
    { name: `a reading of ${operations} operations in PostgreSQL: ms, median`, value: median(times) },
    {
      name: "the same: % of the gateway's processor, every three seconds",
      value: (100 * median(ownTimes)) / READ_EVERY_MS,
      most: 1,
    },
  ];
}

/** By a store that answers at once. */
async function wrapperUs(): Promise<number> {
  const plain = { feed: async () => "none" } as unknown as OperationStore;
  const observed = observedStore(plain, systemClock, { committed() {}, failed() {}, deletedOperation() {} });
  const costOf = async (store: OperationStore) => {
    const startMs = ownCpuMs();
    for (let n = 0; n < CALLS; n++) await store.feed({ id: "", epoch: 0 }, -1);
    return ((ownCpuMs() - startMs) * 1000) / CALLS;
  };
  for (const store of [plain, observed]) await costOf(store); // compiled by then
  return (await costOf(observed)) - (await costOf(plain));
}

function ownCpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}
