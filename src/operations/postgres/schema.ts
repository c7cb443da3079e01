// The tables of the PostgreSQL store, as steps that bring an older schema up to date. A step only
// adds, so that older gateways keep working beside newer ones. Released steps are never changed.

/**
 * The number of a step is its position, from 1. `chunk` and `names` hold what is staged, under the
 * id that the operation will have: publishing adds one row to `operation`, whatever the length of
 * the list. Names are apart because chunks are rewritten.
 */
export const MIGRATIONS: readonly string[] = [
  `
  -- The store's clock. Not the time of the transaction's start, which may have waited for a lock.
  CREATE FUNCTION ota_gateway.now_ms() RETURNS bigint LANGUAGE sql VOLATILE
    AS 'SELECT floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint';
  CREATE TABLE ota_gateway.operation (
    id text COLLATE "C" PRIMARY KEY, kind text NOT NULL, caller text NOT NULL, account text NOT NULL,
    spec text NOT NULL, request_id text NOT NULL, fingerprint text NOT NULL, state text NOT NULL,
    create_ms bigint NOT NULL, start_ms bigint, end_ms bigint, expire_ms bigint NOT NULL, update_ms bigint NOT NULL,
    delete_ms bigint, devices bigint NOT NULL, repeated bigint NOT NULL, waiting bigint NOT NULL, counts text NOT NULL,
    calls bigint NOT NULL DEFAULT 0, obstacle text NOT NULL DEFAULT '', remaining_ms bigint NOT NULL DEFAULT -1,
    detail text NOT NULL, failure text NOT NULL DEFAULT '', unsent text NOT NULL DEFAULT '',
    held boolean NOT NULL DEFAULT false, holder text, epoch bigint NOT NULL DEFAULT 0, lease_ms bigint
  );
  CREATE UNIQUE INDEX operation_key ON ota_gateway.operation (caller, request_id) WHERE request_id <> '';
  CREATE INDEX operation_time ON ota_gateway.operation (create_ms, id);
  CREATE INDEX operation_caller ON ota_gateway.operation (caller, create_ms, id);
  CREATE INDEX operation_running ON ota_gateway.operation (create_ms, id) WHERE end_ms IS NULL;
  CREATE INDEX operation_ended ON ota_gateway.operation (end_ms) WHERE end_ms IS NOT NULL;
  CREATE INDEX operation_deleted ON ota_gateway.operation (delete_ms) WHERE delete_ms IS NOT NULL;
  CREATE TABLE ota_gateway.upload (
    id text COLLATE "C" PRIMARY KEY, devices bigint NOT NULL, staged_ms bigint NOT NULL
  );
  CREATE TABLE ota_gateway.chunk (
    operation text COLLATE "C", chunk integer, devices integer NOT NULL, open integer NOT NULL,
    fed boolean NOT NULL DEFAULT false, outcomes bytea, failures text, PRIMARY KEY (operation, chunk)
  );
  CREATE INDEX chunk_open ON ota_gateway.chunk (operation, chunk) WHERE open > 0;
  CREATE TABLE ota_gateway.names (
    operation text COLLATE "C", chunk integer, names text NOT NULL, PRIMARY KEY (operation, chunk)
  );
  CREATE TABLE ota_gateway.origin (origin text NOT NULL);
  `,
  `
  -- A recovery from an archive begins a new timeline, and so does a failover. Null where a server does not tell it.
  CREATE FUNCTION ota_gateway.timeline() RETURNS text LANGUAGE plpgsql VOLATILE AS $$
    BEGIN
      RETURN left(pg_walfile_name(pg_current_wal_lsn()), 8);
    EXCEPTION WHEN OTHERS THEN
      RETURN NULL;
    END $$;
  ALTER TABLE ota_gateway.origin ADD COLUMN timeline text;
  `,
];
