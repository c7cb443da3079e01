// Starts a real PostgreSQL for tests: a cluster in a temporary folder, on a free port of loopback.
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { chownSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pg from "pg";
import { freePort } from "./free-port.js";
import { until } from "./processes.js";
import { postgresProgram } from "./system.js";

export interface PostgresServer {
  readonly port: number;
  /** The path of one of its files. */
  path(name: string): string;
  /** The address of a database, which is created if it is not there. */
  database(name: string): Promise<string>;
  /** Runs statements as the superuser. */
  run(sql: string, database?: string): Promise<Record<string, unknown>[]>;
  /** Starts it again, on the same port; with further settings for this time. */
  start(settings?: Readonly<Record<string, string>>): Promise<void>;
  /** Sends SIGKILL, and waits until it is gone. */
  kill(): Promise<void>;
  /** Ends it for good. */
  end(): Promise<void>;
}

const SUPERUSER = "postgres";
export const PASSWORD = "pa:ss w@rd/%";

/**
 * Settings for tests of seconds: what is compiled or cleaned up for later costs more than it saves,
 * and pages are logged whole only for a computer that fails. Benchmarks measure with the defaults.
 */
export const SHORT_LIVED = { jit: "off", autovacuum: "off", full_page_writes: "off" };

/** PostgreSQL refuses to run as root. */
const NOBODY = 65534;
const owner = process.getuid?.() === 0 ? { uid: NOBODY, gid: NOBODY } : {};

/** A running server. `settings` are lines of its configuration, `files` further files beside it. */
export async function startPostgres(
  settings: Readonly<Record<string, string>> = {},
  files: Readonly<Record<string, string>> = {},
): Promise<PostgresServer> {
  const folder = mkdtempSync(join(tmpdir(), "ota-gateway-postgres-"));
  process.once("exit", () => rmSync(folder, { recursive: true, force: true }));
  const own = (path: string) => owner.uid !== undefined && chownSync(path, owner.uid, owner.gid);
  own(folder);
  const write = (name: string, contents: string) => {
    writeFileSync(join(folder, name), contents, { mode: 0o600 });
    own(join(folder, name));
  };
  for (const [name, contents] of Object.entries(files)) write(name, contents);
  write("password", PASSWORD);
  const data = join(folder, "data");
  const init = ["-D", data, "-U", SUPERUSER, "-A", "scram-sha-256", "--pwfile", join(folder, "password")];
  execFileSync(postgresProgram("initdb") ?? "", [...init, "-E", "UTF8", "--locale=C", "--no-sync"], {
    ...{ ...owner, cwd: folder, stdio: ["ignore", "ignore", "inherit"] },
  });
  const port = await freePort();
  const fixed = {
    port: String(port),
    listen_addresses: "127.0.0.1",
    unix_socket_directories: "",
    shared_buffers: "32MB",
  };
  const optionsOf = (all: object) => Object.entries(all).flatMap(([name, value]) => ["-c", `${name}=${value}`]);
  let child: ChildProcess | undefined;
  const addressOf = (name: string) =>
    `postgres://${SUPERUSER}:${encodeURIComponent(PASSWORD)}@127.0.0.1:${port}/${name}`;

  const databases = new Set<string>();
  /** To the database that was used last. A connection costs far more than most statements. */
  let connected: pg.Client | undefined;
  /** The statements that were run before: one after the other, whatever becomes of them. */
  let latest: Promise<unknown> = Promise.resolve();
  const disconnect = async () => {
    const client = connected;
    connected = undefined;
    await client?.end();
  };
  const connect = async (database: string) => {
    await disconnect();
    const client = new pg.Client({ connectionString: addressOf(database) });
    client.on("error", () => {
      if (connected === client) connected = undefined;
    });
    await client.connect();
    connected = client;
  };

  const server: PostgresServer = {
    port,
    path: (name) => join(folder, name),
    async database(name) {
      if (!databases.has(name)) {
        const there = await server.run(`SELECT 1 FROM pg_database WHERE datname = '${name}'`);
        if (there.length === 0) await server.run(`CREATE DATABASE ${name}`);
        databases.add(name);
      }
      return addressOf(name);
    },
    run(sql, database = "postgres") {
      const rows = latest.then(async () => {
        if (connected?.database !== database) await connect(database);
        return (await (connected as pg.Client).query(sql)).rows;
      });
      latest = rows.catch(() => {});
      return rows;
    },
    async start(more = {}) {
      const options = optionsOf({ ...fixed, ...settings, ...more });
      // Processes of a server that was killed keep its memory for another moment; until then, a new
      // server ends at once.
      for (;;) {
        const program = spawn(postgresProgram("postgres") ?? "", ["-D", data, ...options], {
          ...{ ...owner, cwd: folder, stdio: "ignore" },
        });
        child = program;
        let isUp = false;
        await until(async () => {
          isUp = await server.run("SELECT").then(
            () => true,
            () => false,
          );
          return isUp || program.exitCode !== null;
        });
        if (isUp) return;
      }
    },
    async kill() {
      await latest;
      await disconnect();
      if (!child || child.exitCode !== null || child.signalCode !== null) return;
      child.kill("SIGKILL");
      await once(child, "exit");
    },
    async end() {
      await latest;
      await disconnect();
      if (child && child.exitCode === null && child.signalCode === null) {
        child.kill("SIGQUIT"); // ends its processes, too
        await once(child, "exit");
      }
      rmSync(folder, { recursive: true, force: true });
    },
  };
  await server.start();
  return server;
}
