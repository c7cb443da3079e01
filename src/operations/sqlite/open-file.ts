// Opens the file of the store for this process alone, or refuses with a text that says what to do.
// A file that is not ours, newer than this program, or damaged, is left as it was found.
import { chmodSync, closeSync, openSync, readSync, statSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { StoreRefused } from "../store.js";
import { APPLICATION_ID, SCHEMA, SCHEMA_VERSION } from "./schema.js";

const IN_MEMORY = ":memory:";

/** Offsets in the header of a database file. */
const USER_VERSION = 60;
const APPLICATION = 68;
const HEADER_BYTES = 100;
const MAGIC = "SQLite format 3\0";

/** Frees disk space after a burst; between them the file of the log is reused. */
const LOG_BYTES = 64 << 20;

/** Holds the operations of a restored backup: a copy of the file that was written last. */
export function openFile(path: string): DatabaseSync {
  if (path === IN_MEMORY) {
    const database = new DatabaseSync(IN_MEMORY);
    database.exec(SCHEMA);
    return database;
  }
  let database: DatabaseSync | undefined;
  try {
    if (isNew(path)) closeSync(openSync(path, "a", 0o600));
    else checkContents(path);
    chmodSync(path, 0o600);
    database = new DatabaseSync(path, { timeout: 0 });
    // In this order: a WAL that is opened exclusively needs no shared memory, and locks at once.
    database.exec("PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL");
    database.exec(`PRAGMA secure_delete = ON; PRAGMA journal_size_limit = ${LOG_BYTES}; BEGIN IMMEDIATE`);
    const isEmpty = !database.prepare("SELECT 1 FROM sqlite_schema").get();
    if (isEmpty) database.exec(SCHEMA);
    const origin = originOf(path);
    const known = database.prepare("SELECT file FROM origin").get() as { file: string } | undefined;
    const isCopy = known !== undefined && known.file !== origin;
    // In one commit with the new origin: a process that ended in between would let them run.
    if (isCopy) database.exec("UPDATE operation SET held = 1 WHERE end_ms IS NULL");
    database.prepare("DELETE FROM origin").run();
    database.prepare("INSERT INTO origin VALUES (?)").run(origin);
    database.exec("COMMIT");
    // So that the header, which tells that the file is ours, is in the file and not in its log.
    if (isEmpty) database.exec("PRAGMA wal_checkpoint(TRUNCATE)");
    return database;
  } catch (error) {
    database?.close();
    throw refusalOf(path, error);
  }
}

function isNew(path: string): boolean {
  const found = statSync(path, { throwIfNoEntry: false });
  if (found && !found.isFile()) throw new StoreRefused(`OTA_STATE: ${path} is not a file`);
  return !found || found.size === 0;
}

/** Reads without SQLite first, which would take an empty or foreign file over. */
function checkContents(path: string): void {
  const header = Buffer.alloc(HEADER_BYTES);
  const file = openSync(path, "r");
  try {
    readSync(file, header, 0, HEADER_BYTES, 0);
  } finally {
    closeSync(file);
  }
  const isOurs =
    header.toString("latin1", 0, MAGIC.length) === MAGIC && header.readUInt32BE(APPLICATION) === APPLICATION_ID;
  if (!isOurs) {
    throw new StoreRefused(
      `OTA_STATE: ${path} is not a store of ota-gateway, or is damaged; nothing was changed. Name another file`,
    );
  }
  const version = header.readUInt32BE(USER_VERSION);
  if (version > SCHEMA_VERSION) {
    throw new StoreRefused(
      `OTA_STATE: ${path} was written by a newer ota-gateway (format ${version}, this one knows ${SCHEMA_VERSION}); nothing was changed`,
    );
  }
  const database = new DatabaseSync(path, { readOnly: true, timeout: 0 });
  try {
    const { quick_check: verdict } = database.prepare("PRAGMA quick_check(1)").get() as { quick_check: string };
    if (verdict !== "ok") throw new StoreRefused(damaged(path, verdict));
  } finally {
    database.close();
  }
}

/** A copy has another inode, and was born at another time. Both survive a restart and a remount. */
function originOf(path: string): string {
  const { ino, birthtimeNs } = statSync(path, { bigint: true });
  return `${ino} ${birthtimeNs}`;
}

/** SQLite's primary result codes. */
const BUSY = 5;
const CORRUPT = 11;
const CANNOT_OPEN = 14;
const NOT_A_DATABASE = 26;

function refusalOf(path: string, error: unknown): unknown {
  if (error instanceof StoreRefused) return error;
  const { errcode = 0, code, message } = error as { errcode?: number; code?: string; message: string };
  switch (errcode & 0xff) {
    case BUSY:
      return new StoreRefused(`OTA_STATE: ${path} is in use by another process; only one gateway may use a file`);
    case CORRUPT:
    case NOT_A_DATABASE:
      return new StoreRefused(damaged(path, message));
    case CANNOT_OPEN:
      return new StoreRefused(`OTA_STATE: ${path} cannot be opened: ${message}`);
  }
  if (code?.startsWith("E")) return new StoreRefused(`OTA_STATE: ${path} cannot be opened: ${message}`);
  return error;
}

function damaged(path: string, message: string): string {
  return `OTA_STATE: ${path} is damaged (${message}); nothing was changed. Restore a backup, or name another file`;
}
