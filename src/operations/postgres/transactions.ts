// Transactions on a few connections to PostgreSQL. Each ends within seconds, whatever the server or
// the network does, and one whose end is not known is reported as such. Settings are made in each
// transaction, so that they hold behind a pooler, too.
import pg from "pg";
import type { Clock } from "../../base/clock.js";
import { LeaseLost, StoreFull, StoreRefused, StoreUnavailable } from "../store.js";
import { connectionTo } from "./address.js";

/** Runs one statement of a transaction, and returns its rows. */
export type Query = <Row extends object>(sql: string, ...values: readonly unknown[]) => Promise<Row[]>;

/** How a transaction ends. */
export interface Decision<T> {
  /** Run in this order before the commit. */
  readonly writes: readonly string[];
  readonly result: T;
}

export interface TransactionsOptions {
  readonly address: string;
  readonly clock: Clock;
  readonly mostConnections: number;
  /** A connection broke: the next one may reach another server. */
  readonly broke?: () => void;
}

/** Calls beyond these are refused at once: the server is slower than the callers. */
const MOST_CALLS = 1024;
/** Also the longest wait for a connection that another call has. */
const CONNECT_MS = 3000;
/** A call that has not ended by then fails, although it may have been carried out. */
const CALL_MS = 6000;
const IDLE_MS = 10_000;

const BOUNDS = `
  SET LOCAL statement_timeout TO 4000;
  SET LOCAL lock_timeout TO 3000;
  SET LOCAL idle_in_transaction_session_timeout TO 5000`; // a holder that is frozen must not keep its locks

const WRITE = `BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; SET LOCAL synchronous_commit TO on; ${BOUNDS}`;

/** All statements see one snapshot. */
const READ = `BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; ${BOUNDS}`;

/** A timeout while a commit waits for a standby would report success without the standby. */
const COMMIT = "SET LOCAL statement_timeout TO 0; COMMIT";

const INT8 = 20;

/** Times and numbers of devices are far below 2^53. */
const types = {
  getTypeParser: (oid: number, format?: "text" | "binary") =>
    oid === INT8 ? Number : pg.types.getTypeParser(oid, format as "text"),
};

export class Transactions {
  readonly #pool: pg.Pool;
  readonly #clock: Clock;
  readonly #broke: () => void;
  #calls = 0;
  #closed: Promise<void> | undefined;

  /** Throws StoreRefused if the address is not one. */
  constructor({ address, clock, mostConnections, broke = () => {} }: TransactionsOptions) {
    this.#clock = clock;
    this.#broke = broke;
    this.#pool = new pg.Pool({
      ...connectionTo(address),
      max: mostConnections,
      connectionTimeoutMillis: CONNECT_MS,
      idleTimeoutMillis: IDLE_MS,
      allowExitOnIdle: true,
      keepAlive: true,
      types: types as pg.CustomTypesConfig,
    });
    // A connection that breaks while nobody uses it is replaced; one in use fails its statement.
    this.#pool.on("error", broke);
    this.#pool.on("connect", (client) => client.on("error", () => {}));
  }

  /** Rejects with what `work` throws of the seam, StoreUnavailable, or StoreRefused. */
  write<T>(work: (query: Query) => Promise<T>): Promise<T> {
    return this.#call(stepwise(WRITE, work));
  }

  /** As `write`, on a snapshot. */
  read<T>(work: (query: Query) => Promise<T>): Promise<T> {
    return this.#call(stepwise(READ, work));
  }

  /**
   * As `write`, in two round trips: the transaction begins with `reads`, and ends with what is
   * decided by their rows. Each statement sees what was committed before it began, as in `write`.
   * `reads` may be repeated, so they lock and read, and no more.
   */
  exchange<T>(reads: readonly string[], decide: (...rows: (readonly object[])[]) => Decision<T>): Promise<T> {
    return this.#call(async (client, reached) => {
      const found = await sendAll(client, [WRITE, ...reads]);
      reached("work");
      const { writes, result } = await decided(client, async () => decide(...found.slice(-reads.length)));
      reached("commit");
      await sendAll(client, [...writes, COMMIT]);
      return result;
    });
  }

  /** Waits for calls under way. */
  close(): Promise<void> {
    this.#closed ??= this.#pool.end();
    return this.#closed;
  }

  async #call<T>(run: Run<T>): Promise<T> {
    if (this.#closed) throw new StoreUnavailable("the store of operations is closed");
    if (this.#calls >= MOST_CALLS) {
      throw new StoreUnavailable("the store of operations is too slow: too many calls wait for it");
    }
    this.#calls++;
    try {
      const untilMs = this.#clock.now() + CALL_MS;
      for (let isLast = false; ; isLast = true) {
        const done = await this.#transaction(run, untilMs, isLast);
        if (done !== "repeat") return done.result;
      }
    } finally {
      this.#calls--;
    }
  }

  /** `repeat`: nothing was done, because the connection was dead or two calls locked each other. */
  async #transaction<T>(run: Run<T>, untilMs: number, isLast: boolean): Promise<{ readonly result: T } | "repeat"> {
    const client = await this.#pool.connect().catch((error: unknown) => {
      throw failureOf(error);
    });
    let step = "begin" as Step;
    const reached = (next: Step) => {
      step = next;
    };
    let disarm = () => {};
    let isLate = false;
    const late = new Promise<never>((_, reject) => {
      disarm = this.#clock.at(untilMs, () => {
        isLate = true;
        reject(new Error("no answer in time"));
      });
    });
    /** Of a commit that no standby confirms: "committed locally". */
    let warning: Error | undefined;
    const warn = ({ message = "" }: { message?: string | undefined }) => {
      if (step === "commit") warning = new Error(message);
    };
    client.on("notice", warn);
    try {
      const result = await Promise.race([run(client, reached), late]);
      if (warning) throw warning;
      client.release();
      return { result };
    } catch (error) {
      client.release(!isDecision(error)); // also aborts what the server still does
      if (isDecision(error)) throw error;
      this.#broke();
      if (step === "work" && codeOf(error) === NO_RIGHT) throw failureOf(error);
      if (!isLast && !isLate && (step === "begin" || DEADLOCKS.has(codeOf(error)))) return "repeat";
      throw new StoreUnavailable(textOf(error), { isUnknown: step === "commit" });
    } finally {
      client.removeListener("notice", warn);
      disarm();
    }
  }
}

/**
 * How far a transaction is. Nothing is done before `work`, and its end is unknown from `commit` on.
 */
type Step = "begin" | "work" | "commit";

type Run<T> = (client: pg.PoolClient, reached: (step: Step) => void) => Promise<T>;

/** A round trip for each statement, and for the beginning and the commit. */
function stepwise<T>(begin: string, work: (query: Query) => Promise<T>): Run<T> {
  return async (client, reached) => {
    await client.query(begin);
    reached("work");
    const query: Query = async (text, ...values) => (await client.query(text, [...values])).rows;
    const result = await decided(client, () => work(query));
    reached("commit");
    await client.query(COMMIT);
    return result;
  };
}

/** Rolls back if `work` decides against it. */
async function decided<T>(client: pg.PoolClient, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (isDecision(error)) await client.query("ROLLBACK");
    throw error;
  }
}

/** Sends statements as one message, and returns the rows of each. */
async function sendAll(client: pg.PoolClient, statements: readonly string[]): Promise<(readonly object[])[]> {
  const results = (await client.query(statements.join(";\n"))) as unknown as readonly pg.QueryResult<object>[];
  return results.map(({ rows }) => rows);
}

/** Errors that `work` throws itself; the connection is not at fault. */
const DECISIONS = [LeaseLost, StoreFull, StoreRefused, StoreUnavailable];

function isDecision(error: unknown): boolean {
  return DECISIONS.some((type) => error instanceof type);
}

/** serialization_failure, deadlock_detected. */
const DEADLOCKS: ReadonlySet<string> = new Set(["40001", "40P01"]);

const NO_RIGHT = "42501";

/**
 * They do not pass by themselves. PostgreSQL's SQLSTATE, and codes of Node for files and for TLS.
 */
const REFUSALS: Readonly<Record<string, string>> = {
  "28000": "grant the role access in pg_hba.conf; a server that demands TLS needs sslmode=verify-full",
  "28P01": "check the password",
  "3D000": "create the database",
  [NO_RIGHT]: "see the rights of its role in docs/operations.md",
  EACCES: "check the file",
  ENOENT: "check the file",
  CERT_HAS_EXPIRED: "replace the server's certificate",
  DEPTH_ZERO_SELF_SIGNED_CERT: "name the certificate authority in sslrootcert",
  ERR_TLS_CERT_ALTNAME_INVALID: "use the name that the certificate is for",
  SELF_SIGNED_CERT_IN_CHAIN: "name the certificate authority in sslrootcert",
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: "name the certificate authority in sslrootcert",
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: "name the certificate authority in sslrootcert",
};

/** Of a connection that could not be made. */
function failureOf(error: unknown): Error {
  const advice = REFUSALS[codeOf(error)];
  if (advice !== undefined) return new StoreRefused(`OTA_STATE: ${textOf(error)}; ${advice}`);
  return new StoreUnavailable(textOf(error));
}

function codeOf(error: unknown): string {
  return (error as { code?: string }).code ?? "";
}

/** Errors of PostgreSQL have details that may quote rows, so only their text is kept. */
function textOf(error: unknown): string {
  const { message } = error as Error;
  return `PostgreSQL: ${message || codeOf(error) || "no connection"}`;
}
