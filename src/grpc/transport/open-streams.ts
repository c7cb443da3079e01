// Counts every stream of the gRPC port from its headers until it is closed, and the bytes that it
// holds: for its caller, its connection, its address and in all.
// Invariant: no account exceeds its bound, except by answers, which are counted and never refused.
import { flatten } from "../../base/flat-string.js";
import { GatewayError } from "../../gateway/failures.js";
import { BOUNDS, type Bound } from "../port-bounds.js";
import type { StreamKind } from "./method-rules.js";

export interface StreamOrigin {
  /** Any object that stands for the connection. */
  readonly connection: object;
  readonly address: string;
  /** Undefined for a stranger. */
  readonly caller: string | undefined;
  readonly kind: StreamKind;
}

/** When to retry: by then a few thousand more rpcs have been answered. */
const RETRY_AFTER_MS = 1000;

/** The owner of each bound, in the words of error texts. */
const SUBJECTS = {
  gateway: "all callers",
  address: "this address",
  caller: "this caller",
  connection: "this connection",
  strangers: "callers without credentials",
  strangersOfAddress: "this address without credentials",
  watches: "health watches",
  watchesOfConnection: "health watches of this connection",
  reflection: "reflection",
  reflectionOfConnection: "reflection on this connection",
  submissions: "submissions of all callers",
  submissionsOfConnection: "submissions on this connection",
} as const satisfies Record<keyof typeof BOUNDS, string>;

type Subject = keyof typeof BOUNDS;

/**
 * Made once for each bound: a new error with its stack for each stream would let a flood fill the
 * memory.
 */
const REFUSALS = Object.fromEntries(
  (Object.keys(BOUNDS) as Subject[]).map((subject) => [subject, refusalsOf(subject)]),
) as Record<Subject, ReturnType<typeof refusalsOf>>;

class Account {
  readonly subject: Subject;
  readonly key: unknown;
  streams = 0;
  bytes = 0;

  constructor(subject: Subject, key: unknown) {
    this.subject = subject;
    this.key = key;
  }

  get #bound(): Bound {
    return BOUNDS[this.subject];
  }

  get isFull(): boolean {
    return this.streams >= this.#bound.streams;
  }

  hasRoomFor(bytes: number): boolean {
    return this.bytes + bytes <= this.#bound.bytes;
  }
}

export class OpenStreams {
  readonly #gateway = new Account("gateway", undefined);
  readonly #accounts = new Map<Subject, Map<unknown, Account>>();
  readonly #books: Books = {
    accountsOf: (caller, address) => this.#accountsOfCaller(caller, address),
    add: (account) => this.#add(account),
    remove: (account) => this.#remove(account),
  };

  /** The number of open streams. */
  get size(): number {
    return this.#gateway.streams;
  }

  /** Counts a new stream. Throws GatewayError if there are too many of its kind. */
  openStream({ connection, address, caller, kind }: StreamOrigin): OpenStream {
    const accounts = this.#accountsOfCaller(caller, address);
    accounts.push(this.#account("connection", connection), this.#account("address", address), this.#gateway);
    if (kind === "watch") {
      accounts.push(this.#account("watchesOfConnection", connection), this.#account("watches", undefined));
    } else if (kind === "reflection") {
      accounts.push(this.#account("reflectionOfConnection", connection), this.#account("reflection", undefined));
    } else if (kind === "submission") {
      accounts.push(this.#account("submissionsOfConnection", connection), this.#account("submissions", undefined));
    }
    for (const account of accounts) if (account.isFull) throw REFUSALS[account.subject].streams;
    return new OpenStream(accounts, address, this.#books);
  }

  #accountsOfCaller(caller: string | undefined, address: string): Account[] {
    if (caller !== undefined) return [this.#account("caller", caller)];
    return [this.#account("strangersOfAddress", address), this.#account("strangers", undefined)];
  }

  /** A new account is stored only once it counts something. */
  #account(subject: Subject, key: unknown): Account {
    return this.#accounts.get(subject)?.get(key) ?? new Account(subject, typeof key === "string" ? flatten(key) : key);
  }

  #add(account: Account): void {
    if (account.streams++ > 0 || account === this.#gateway) return;
    const ofSubject = this.#accounts.get(account.subject) ?? new Map<unknown, Account>();
    ofSubject.set(account.key, account);
    this.#accounts.set(account.subject, ofSubject);
  }

  #remove(account: Account): void {
    if (--account.streams === 0) this.#accounts.get(account.subject)?.delete(account.key);
  }
}

interface Books {
  accountsOf(caller: string | undefined, address: string): Account[];
  add(account: Account): void;
  remove(account: Account): void;
}

/** One stream that has been counted. */
export class OpenStream {
  readonly address: string;
  readonly #books: Books;
  #accounts: Account[];
  #bytes = 0;
  #isOpen = true;

  constructor(accounts: Account[], address: string, books: Books) {
    this.address = address;
    this.#accounts = accounts;
    this.#books = books;
    for (const account of accounts) books.add(account);
  }

  /** Counts bytes that have arrived. Throws GatewayError if there are too many. */
  hold(bytes: number): void {
    if (!this.#isOpen) return;
    for (const account of this.#accounts) if (!account.hasRoomFor(bytes)) throw REFUSALS[account.subject].bytes;
    this.holdAnswer(bytes);
  }

  /** Counts bytes that are already there, whatever the bounds. */
  holdAnswer(bytes: number): void {
    if (!this.#isOpen) return;
    this.#bytes += bytes;
    for (const account of this.#accounts) account.bytes += bytes;
  }

  letGo(bytes: number): void {
    this.holdAnswer(-Math.min(bytes, this.#bytes));
  }

  /** The caller is known; undefined for a stranger. Throws GatewayError if it has too many. */
  prove(caller: string | undefined): void {
    if (!this.#isOpen) return;
    const proven = this.#books.accountsOf(caller, this.address);
    for (const account of proven) {
      if (this.#accounts.includes(account)) return;
      if (account.isFull) throw REFUSALS[account.subject].streams;
      if (!account.hasRoomFor(this.#bytes)) throw REFUSALS[account.subject].bytes;
    }
    const isOfCaller = ({ subject }: Account) => /^(caller|strangers|strangersOfAddress)$/.test(subject);
    const left = this.#accounts.filter(isOfCaller);
    this.#accounts = [...proven, ...this.#accounts.filter((account) => !isOfCaller(account))];
    for (const account of proven) {
      this.#books.add(account);
      account.bytes += this.#bytes;
    }
    for (const account of left) {
      account.bytes -= this.#bytes;
      this.#books.remove(account);
    }
  }

  close(): void {
    if (!this.#isOpen) return;
    this.letGo(this.#bytes);
    this.#isOpen = false;
    for (const account of this.#accounts) this.#books.remove(account);
  }
}

function refusalsOf(subject: Subject) {
  const { streams, bytes } = BOUNDS[subject];
  const of = SUBJECTS[subject];
  const error = (message: string) =>
    new GatewayError({ kind: "overloaded", message, subject }, { retryAfterMs: RETRY_AFTER_MS });
  return {
    streams: error(`too many requests in flight for ${of} (limit ${streams}); retry after ${RETRY_AFTER_MS / 1000} s`),
    bytes: error(`too many bytes in flight for ${of} (limit ${bytes}); retry after ${RETRY_AFTER_MS / 1000} s`),
  };
}
