// The store on PostgreSQL, shared by replicas. Each method is one transaction; the files beside
// this one say what is in it.
import type { Clock } from "../../base/clock.js";
import { type OperationRow, recordOf } from "../operation-row.js";
import {
  type AppendedChunk,
  type ChunkOutcomes,
  type End,
  type FedChunk,
  type Feeding,
  type Lease,
  type Leased,
  type LeaseQuery,
  type ListQuery,
  type OperationRecord,
  type OperationStore,
  type Progress,
  type Published,
  type ResultsPage,
  type ResultsQuery,
  type StoreBounds,
  StoreRefused,
  StoreUnavailable,
  type Submission,
  type Swept,
} from "../store.js";
import { append, end, feed, peek, record } from "./leased-work.js";
import { lease, release, renew } from "./leases.js";
import { prepare } from "./prepare.js";
import { listed, results } from "./reading.js";
import { remove, sweep } from "./retention.js";
import { lockOperation, visibleOperation } from "./rows.js";
import { MIGRATIONS } from "./schema.js";
import { type Query, Transactions } from "./transactions.js";
import { discard, publish, stage, storedDevices } from "./uploads.js";

export interface PostgresStoreOptions {
  /** `postgres://…`, with the password. */
  readonly address: string;
  readonly bounds: StoreBounds;
  readonly clock: Clock;
  readonly migrations?: readonly string[];
}

/** Callers who ask for much must not make the runner lose its leases, so it has its own. */
const CONNECTIONS_FOR_CALLERS = 5;
const CONNECTIONS_FOR_RUNNER = 3;

/**
 * Opens the store, or rejects with StoreRefused. A server that is away is not a reason to refuse:
 * until it is there, calls reject with StoreUnavailable.
 */
export async function openPostgresStore(options: PostgresStoreOptions): Promise<PostgresStore> {
  const store = new PostgresStore(options);
  try {
    await store.prepare();
  } catch (error) {
    if (error instanceof StoreUnavailable) return store;
    await store.close();
    throw error;
  }
  return store;
}

export class PostgresStore implements OperationStore {
  readonly shared = true;
  readonly #forCallers: Transactions;
  readonly #forRunner: Transactions;
  readonly #bounds: StoreBounds;
  readonly #migrations: readonly string[];
  #isDurable = true;
  #prepared: Promise<void> | undefined;

  constructor({ address, bounds, clock, migrations = MIGRATIONS }: PostgresStoreOptions) {
    const broke = () => {
      this.#prepared = undefined;
    };
    this.#forCallers = new Transactions({ address, clock, mostConnections: CONNECTIONS_FOR_CALLERS, broke });
    this.#forRunner = new Transactions({ address, clock, mostConnections: CONNECTIONS_FOR_RUNNER, broke });
    this.#bounds = bounds;
    this.#migrations = migrations;
  }

  /** Known once it is prepared, which is before anything is acknowledged. */
  get durable(): boolean {
    return this.#isDurable;
  }

  /** Brings the schema up to date: once, and again when a connection broke. */
  prepare(): Promise<void> {
    this.#prepared ??= prepare(this.#forRunner, this.#migrations).then(
      (isDurable) => {
        this.#isDurable = isDurable;
      },
      (error: unknown) => {
        this.#prepared = undefined;
        throw error;
      },
    );
    return this.#prepared;
  }

  stage(id: string, chunk: number, names: readonly string[]): Promise<void> {
    return this.#write((query) => stage(query, this.#bounds, id, chunk, names));
  }

  publish(submission: Submission): Promise<Published> {
    return this.#write((query) => publish(query, this.#bounds, submission));
  }

  discard(id: string): Promise<void> {
    return this.#write((query) => discard(query, id));
  }

  get(id: string): Promise<OperationRecord | undefined> {
    return this.#read(async (query) => {
      const row = await visibleOperation(query, id);
      return row && recordOf(row);
    });
  }

  list(wanted: ListQuery): Promise<readonly OperationRecord[]> {
    return this.#read((query) => listed(query, wanted));
  }

  results(wanted: ResultsQuery): Promise<ResultsPage | undefined> {
    return this.#read((query) => results(query, wanted));
  }

  stop(id: string): Promise<OperationRecord | undefined> {
    return this.#write(async (query) => {
      const row = await lockOperation(query, id);
      if (!row || row.delete_ms !== null) return undefined;
      if (row.state !== "running") return recordOf(row);
      const [stopping] = await query<OperationRow>(
        "UPDATE ota_gateway.operation SET state = 'stopping', update_ms = $2 WHERE id = $1 RETURNING *",
        ...[id, row.now_ms],
      );
      return recordOf(stopping as OperationRow);
    });
  }

  remove(id: string): Promise<"removed" | "running" | "missing"> {
    return this.#write((query) => remove(query, id));
  }

  lease(wanted: LeaseQuery): Promise<readonly Leased[]> {
    return this.#run((query) => lease(query, wanted));
  }

  renew(holder: string, leases: readonly Lease[], leaseMs: number): Promise<readonly Leased[]> {
    return this.#run((query) => renew(query, holder, leases, leaseMs));
  }

  release(leases: readonly Lease[]): Promise<void> {
    return this.#run((query) => release(query, leases));
  }

  feed(held: Lease, after: number): Promise<Feeding> {
    return this.#call(() => feed(this.#forRunner, held, after));
  }

  peek(held: Lease, after: number): Promise<FedChunk | undefined> {
    return this.#call(() => this.#forRunner.read((query) => peek(query, held, after)));
  }

  record(held: Lease, outcomes: readonly ChunkOutcomes[], progress: Progress): Promise<OperationRecord> {
    return this.#call(() => record(this.#forRunner, held, outcomes, progress));
  }

  append(held: Lease, added: AppendedChunk, progress: Progress): Promise<OperationRecord> {
    return this.#run((query) => append(query, this.#bounds, held, added, progress));
  }

  end(held: Lease, how: End): Promise<OperationRecord> {
    return this.#call(() => end(this.#forRunner, held, how));
  }

  sweep(): Promise<Swept> {
    return this.#run((query) => sweep(query, this.#bounds));
  }

  storedDevices(): Promise<number> {
    return this.#read(storedDevices);
  }

  resume(): Promise<number> {
    return this.#write(async (query) => {
      const resumed = await query("UPDATE ota_gateway.operation SET held = false WHERE held RETURNING id");
      return resumed.length;
    });
  }

  async close(): Promise<void> {
    await Promise.all([this.#forCallers.close(), this.#forRunner.close()]);
  }

  #read<T>(work: (query: Query) => Promise<T>): Promise<T> {
    return this.#call(() => this.#forCallers.read(work));
  }

  #write<T>(work: (query: Query) => Promise<T>): Promise<T> {
    return this.#call(() => this.#forCallers.write(work));
  }

  #run<T>(work: (query: Query) => Promise<T>): Promise<T> {
    return this.#call(() => this.#forRunner.write(work));
  }

  /** Once it is open, a refusal is a reason to wait, such as a password that is being changed. */
  async #call<T>(run: () => Promise<T>): Promise<T> {
    try {
      await this.prepare();
      return await run();
    } catch (error) {
      throw error instanceof StoreRefused ? new StoreUnavailable(error.message) : error;
    }
  }
}
