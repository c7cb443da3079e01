// The tables of the SQLite store. `chunk` and `names` hold what is staged, under the id of the
// later operation: publishing adds one row to `operation`, whatever the length of the list. `open`
// is 1 as long as a device of the chunk has no final outcome; it changes once, because it is in an
// index.

/** "OTAG", at a fixed place in the file's header: tells our files from others. */
export const APPLICATION_ID = 0x4f544147;

/** Goes up with each change of the tables. */
export const SCHEMA_VERSION = 1;

export const SCHEMA = `
  PRAGMA application_id = ${APPLICATION_ID};
  PRAGMA user_version = ${SCHEMA_VERSION};
  CREATE TABLE operation (
    id TEXT PRIMARY KEY, kind TEXT, caller TEXT, account TEXT, spec TEXT, request_id TEXT, fingerprint TEXT,
    state TEXT, create_ms INTEGER, start_ms INTEGER, end_ms INTEGER, expire_ms INTEGER, update_ms INTEGER,
    delete_ms INTEGER, devices INTEGER, repeated INTEGER, waiting INTEGER, counts TEXT,
    calls INTEGER, obstacle TEXT, remaining_ms INTEGER, detail TEXT, failure TEXT DEFAULT '', unsent TEXT DEFAULT '',
    held INTEGER DEFAULT 0, holder TEXT, epoch INTEGER DEFAULT 0, lease_ms INTEGER
  ) STRICT;
  CREATE UNIQUE INDEX operation_key ON operation (caller, request_id) WHERE request_id <> '';
  CREATE INDEX operation_time ON operation (create_ms, id);
  CREATE INDEX operation_caller ON operation (caller, create_ms, id);
  CREATE INDEX operation_running ON operation (create_ms, id) WHERE end_ms IS NULL;
  CREATE INDEX operation_ended ON operation (end_ms) WHERE end_ms IS NOT NULL;
  CREATE INDEX operation_deleted ON operation (delete_ms) WHERE delete_ms IS NOT NULL;
  CREATE TABLE upload (id TEXT PRIMARY KEY, devices INTEGER, staged_ms INTEGER) STRICT;
  CREATE TABLE chunk (
    operation TEXT, chunk INTEGER, devices INTEGER, open INTEGER, fed INTEGER DEFAULT 0, outcomes BLOB, failures TEXT,
    PRIMARY KEY (operation, chunk)
  ) STRICT;
  CREATE INDEX chunk_open ON chunk (operation, chunk) WHERE open > 0;
  CREATE TABLE names (operation TEXT, chunk INTEGER, names TEXT, PRIMARY KEY (operation, chunk)) STRICT;
  CREATE TABLE origin (file TEXT) STRICT;
`;
