// The store on SQLite, as seen from the main thread: each method is a message to the worker thread
// and its reply. A disk that hangs fails calls; it never holds up this thread.
import { Worker } from "node:worker_threads";
import type { Clock } from "../../base/clock.js";
import {
  type AppendedChunk,
  type ChunkOutcomes,
  type End,
  type FedChunk,
  type Feeding,
  type Lease,
  type Leased,
  LeaseLost,
  type LeaseQuery,
  type ListQuery,
  type OperationRecord,
  type OperationStore,
  type Progress,
  type Published,
  type ResultsPage,
  type ResultsQuery,
  StoreFull,
  StoreRefused,
  StoreUnavailable,
  type Submission,
  type Swept,
} from "../store.js";
import type { Call, Method, Opened, OpenOptions, StoreFailure, StoreReply } from "./serve-database.js";

export interface SqliteStoreOptions extends OpenOptions {
  readonly clock: Clock;
  /** Starts the thread of the database; a test may use a port of its own. */
  readonly connect?: (options: OpenOptions) => Port;
}

/** The way to the thread of the database, and back. */
export interface Port {
  post(message: Call | "close"): void;
  /** `over` is called when there will be no more messages. */
  listen(heard: (message: Opened | StoreReply) => void, over: (error?: Error) => void): void;
}

/** A call that has not been answered by then fails, although it may be carried out later. */
const CALL_MS = 10_000;

/** Calls beyond these are refused at once: the disk is slower than the callers. */
const MOST_CALLS = 1024;

interface Waiting {
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: Error) => void;
  readonly disarm: () => void;
}

/** Opens the store, or rejects with StoreRefused. */
export async function openSqliteStore(options: SqliteStoreOptions): Promise<SqliteStore> {
  const store = new SqliteStore(options);
  await store.opened;
  return store;
}

export class SqliteStore implements OperationStore {
  readonly durable: boolean;
  readonly shared = false;
  /** Rejects with StoreRefused. */
  readonly opened: Promise<void>;
  readonly #port: Port;
  readonly #clock: Clock;
  readonly #waiting = new Map<number, Waiting>();
  #nextId = 0;
  #isOver = false;
  #closed: () => void = () => {};

  constructor({ path, bounds, clock, connect = startWorker }: SqliteStoreOptions) {
    this.durable = path !== ":memory:";
    this.#clock = clock;
    this.#port = connect({ path, bounds });
    this.opened = new Promise((resolve, reject) => {
      const heard = (message: Opened | StoreReply) => {
        if ("id" in message) this.#settle(message);
        else if ("opened" in message) resolve();
        else reject(errorOf(message));
      };
      this.#port.listen(heard, (error) => {
        reject(error); // does nothing if it has been opened
        this.#end();
      });
    });
  }

  stage(id: string, chunk: number, names: readonly string[]): Promise<void> {
    return this.#call("stage", id, chunk, names);
  }

  publish(submission: Submission): Promise<Published> {
    return this.#call("publish", submission);
  }

  discard(id: string): Promise<void> {
    return this.#call("discard", id);
  }

  get(id: string): Promise<OperationRecord | undefined> {
    return this.#call("get", id);
  }

  list(query: ListQuery): Promise<readonly OperationRecord[]> {
    return this.#call("list", query);
  }

  results(query: ResultsQuery): Promise<ResultsPage | undefined> {
    return this.#call("results", query);
  }

  stop(id: string): Promise<OperationRecord | undefined> {
    return this.#call("stop", id);
  }

  remove(id: string): Promise<"removed" | "running" | "missing"> {
    return this.#call("remove", id);
  }

  lease(query: LeaseQuery): Promise<readonly Leased[]> {
    return this.#call("lease", query);
  }

  renew(holder: string, leases: readonly Lease[], leaseMs: number): Promise<readonly Leased[]> {
    return this.#call("renew", holder, leases, leaseMs);
  }

  release(leases: readonly Lease[]): Promise<void> {
    return this.#call("release", leases);
  }

  feed(lease: Lease, after: number): Promise<Feeding> {
    return this.#call("feed", lease, after);
  }

  peek(lease: Lease, after: number): Promise<FedChunk | undefined> {
    return this.#call("peek", lease, after);
  }

  record(lease: Lease, outcomes: readonly ChunkOutcomes[], progress: Progress): Promise<OperationRecord> {
    return this.#call("record", lease, outcomes, progress);
  }

  append(lease: Lease, added: AppendedChunk, progress: Progress): Promise<OperationRecord> {
    return this.#call("append", lease, added, progress);
  }

  end(lease: Lease, end: End): Promise<OperationRecord> {
    return this.#call("end", lease, end);
  }

  sweep(): Promise<Swept> {
    return this.#call("sweep");
  }

  storedDevices(): Promise<number> {
    return this.#call("storedDevices");
  }

  resume(): Promise<number> {
    return this.#call("resume");
  }

  async close(): Promise<void> {
    if (this.#isOver) return;
    const closed = new Promise<void>((resolve) => {
      this.#closed = resolve;
    });
    this.#port.post("close");
    await closed;
  }

  #call<T>(method: Method, ...values: readonly unknown[]): Promise<T> {
    if (this.#isOver) return Promise.reject(new StoreUnavailable("the store of operations is closed"));
    if (this.#waiting.size >= MOST_CALLS) {
      return Promise.reject(new StoreUnavailable("the store of operations is too slow: too many calls wait for it"));
    }
    const id = this.#nextId++;
    return new Promise<unknown>((resolve, reject) => {
      const disarm = this.#clock.at(this.#clock.now() + CALL_MS, () => {
        this.#waiting.delete(id);
        reject(new StoreUnavailable("the store of operations did not answer in time", { isUnknown: true }));
      });
      this.#waiting.set(id, { resolve, reject, disarm });
      this.#port.post({ id, method, values });
    }) as Promise<T>;
  }

  #settle(reply: StoreReply): void {
    const waiting = this.#waiting.get(reply.id);
    if (!waiting) return; // it has been given up
    this.#waiting.delete(reply.id);
    waiting.disarm();
    if ("failure" in reply) waiting.reject(errorOf(reply));
    else waiting.resolve(reply.result);
  }

  #end(): void {
    this.#isOver = true;
    for (const { reject, disarm } of this.#waiting.values()) {
      disarm();
      reject(new StoreUnavailable("the store of operations has ended", { isUnknown: true }));
    }
    this.#waiting.clear();
    this.#closed();
  }
}

function startWorker(options: OpenOptions): Port {
  const worker = new Worker(new URL("./worker.js", import.meta.url), { workerData: options });
  return {
    post: (message) => worker.postMessage(message),
    listen(heard, over) {
      worker.on("message", heard);
      worker.on("error", over);
      worker.on("exit", () => over());
    },
  };
}

function errorOf({ failure, message, isUnknown }: StoreFailure): Error {
  switch (failure) {
    case "LeaseLost":
      return new LeaseLost(message);
    case "StoreFull":
      return new StoreFull(message);
    case "StoreRefused":
      return new StoreRefused(message);
    case "StoreUnavailable":
      return new StoreUnavailable(message, { isUnknown });
    default:
      // A failed transaction is rolled back: nothing of it was carried out.
      return new StoreUnavailable(`the store of operations failed: ${message}`);
  }
}
