// The store on SQLite, as seen from the main thread: each method is a message to the worker thread
// and its reply. A disk that hangs fails calls; it never holds up this thread.
import { Worker } from "node:worker_threads";
import type { Clock } from "../../base/clock.js";
import {
  type FedChunk,
  type Feeding,
  type Lease,
  LeaseLost,
  type OperationStore,
  type ResultsPage,
  type ResultsQuery,
  StoreFull,
  StoreRefused,
  StoreUnavailable,
} from "../store.js";
import { chunksOf } from "../stored-uploads.js";
import type { Database } from "./database.js";
import { unpackedChunk, unpackedPage } from "./packed.js";
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
  readonly publish = this.#remote("publish");
  readonly discard = this.#remote("discard");
  readonly get = this.#remote("get");
  readonly list = this.#remote("list");
  readonly stop = this.#remote("stop");
  readonly remove = this.#remote("remove");
  readonly lease = this.#remote("lease");
  readonly renew = this.#remote("renew");
  readonly release = this.#remote("release");
  readonly record = this.#remote("record");
  readonly append = this.#remote("append");
  readonly end = this.#remote("end");
  readonly sweep = this.#remote("sweep");
  readonly storedDevices = this.#remote("storedDevices");
  readonly resume = this.#remote("resume");
  /** Rejects with StoreRefused. */
  readonly opened: Promise<void>;
  readonly #stage = this.#remote("stage");
  readonly #results = this.#remote("results");
  readonly #feed = this.#remote("feed");
  readonly #peek = this.#remote("peek");
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

  /** One text for each chunk is copied faster than its names. */
  stage(id: string, chunk: number, names: readonly string[]): Promise<void> {
    return this.#stage(id, chunk, chunksOf(names));
  }

  async results(query: ResultsQuery): Promise<ResultsPage | undefined> {
    const page = await this.#results(query);
    return page && unpackedPage(page);
  }

  async feed(lease: Lease, after: number): Promise<Feeding> {
    return unpackedChunk(await this.#feed(lease, after));
  }

  async peek(lease: Lease, after: number): Promise<FedChunk | undefined> {
    return unpackedChunk(await this.#peek(lease, after));
  }

  async close(): Promise<void> {
    if (this.#isOver) return;
    const closed = new Promise<void>((resolve) => {
      this.#closed = resolve;
    });
    this.#port.post("close");
    await closed;
  }

  /** The method of the database in its thread. */
  #remote<M extends Method>(method: M) {
    return (...values: Parameters<Database[M]>) => this.#call(method, values) as Promise<ReturnType<Database[M]>>;
  }

  #call(method: Method, values: readonly unknown[]): Promise<unknown> {
    if (this.#isOver) return Promise.reject(new StoreUnavailable("the store of operations is closed"));
    if (this.#waiting.size >= MOST_CALLS) {
      return Promise.reject(new StoreUnavailable("the store of operations is too slow: too many calls wait for it"));
    }
    const id = this.#nextId++;
    return new Promise((resolve, reject) => {
      const disarm = this.#clock.at(this.#clock.now() + CALL_MS, () => {
        this.#waiting.delete(id);
        reject(new StoreUnavailable("the store of operations did not answer in time", { isUnknown: true }));
      });
      this.#waiting.set(id, { resolve, reject, disarm });
      this.#port.post({ id, method, values });
    });
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
