// Answers calls that arrive on a port with the methods of the database, in the order of arrival.
import type { MessagePort } from "node:worker_threads";
import { LeaseLost, type StoreBounds, StoreFull, StoreRefused, StoreUnavailable } from "../store.js";
import { Database } from "./database.js";

/** The methods of the database. */
export type Method = Exclude<keyof Database, "close">;

export interface Call {
  readonly id: number;
  readonly method: Method;
  readonly values: readonly unknown[];
}

export interface StoreFailure {
  /** The name of an error of the seam, or `Error` for all others. */
  readonly failure: string;
  readonly message: string;
  /** The write may have been carried out. */
  readonly isUnknown: boolean;
}

export type StoreReply = { readonly id: number } & ({ readonly result: unknown } | StoreFailure);

/** The first message: it has been opened, or why not. */
export type Opened = { readonly opened: true } | StoreFailure;

export interface OpenOptions {
  readonly path: string;
  readonly bounds: StoreBounds;
}

/** For tests, which turn the clocks. */
export interface Clocks {
  readonly wallNow: () => number;
  readonly now: () => number;
}

const SYSTEM: Clocks = { wallNow: () => Date.now(), now: () => performance.now() };

/** The side of the database. */
export type DatabasePort = Pick<MessagePort, "postMessage" | "close"> & {
  on(event: "message", listener: (call: Call | "close") => void): unknown;
};

export function serveDatabase(port: DatabasePort, { path, bounds }: OpenOptions, clocks = SYSTEM): void {
  let database: Database;
  try {
    database = new Database({ path, bounds, ...clocks });
  } catch (error) {
    port.postMessage(failureOf(error) satisfies Opened);
    port.close();
    return;
  }
  port.on("message", (call: Call | "close") => {
    if (call !== "close") {
      port.postMessage(replyTo(database, call));
      return;
    }
    database.close();
    port.close();
  });
  port.postMessage({ opened: true } satisfies Opened);
}

const SEAM_ERRORS = [LeaseLost, StoreFull, StoreRefused, StoreUnavailable];

function replyTo(database: Database, { id, method, values }: Call): StoreReply {
  try {
    const run = database[method] as (...values: readonly unknown[]) => unknown;
    return { id, result: run.apply(database, [...values]) };
  } catch (error) {
    return { id, ...failureOf(error) };
  }
}

function failureOf(error: unknown): StoreFailure {
  const { message } = error as Error;
  const isOfSeam = SEAM_ERRORS.some((type) => error instanceof type);
  const isUnknown = error instanceof StoreUnavailable && error.isUnknown;
  return { failure: isOfSeam ? (error as Error).name : "Error", message, isUnknown };
}
