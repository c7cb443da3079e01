// The worker thread of the SQLite store: opens the database, then answers one call after another.
import { type MessagePort, parentPort, workerData } from "node:worker_threads";
import { serveDatabase } from "./serve-database.js";

serveDatabase(parentPort as unknown as MessagePort, workerData);
