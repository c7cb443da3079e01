// Counts every stream of the gRPC port from its headers until it is closed, and the bytes that it holds, for its
// connection, its address, its caller and in all. Invariant: no account is ever beyond its bound, except by answers,
// which are counted and never refused.
import { flatten } from "../../base/flat-string.js";
import { GatewayError } from "../../gateway/errors.js";
import { BOUNDS, type Bound } from "../budget.js";

/** What a stream is for, as far as it has bounds of its own. */
export type StreamKind = "rpc" | "watch" | "reflection";

export interface StreamOrigin {
  /** Whatever stands for the connection. */
  readonly connection: object;
  readonly address: string;
  /** Undefined while nothing proves who calls. */
  readonly caller: string | undefined;
  readonly kind: StreamKind;
}

/** A refusal says to come back then: by that time a few thousand more have been answered. */
const RETRY_AFTER_MS = 1000;

/** What a bound belongs to, as the caller reads it. */
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
} as const satisfies Record<keyof typeof BOUNDS, string>;

type Subject = keyof typeof BOUNDS;

/**
 * One for each bound: an error of its own for each stream, with its stack, is what a flood would fill the memory with.
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

  /** How many are open. */
  get size(): number {
    return this.#gateway.streams;
  }

  /** Throws GatewayError if there are too many of its kind. */
  rpc({ connection, address, caller, kind }: StreamOrigin): OpenStream {
    const accounts = [
      ...this.#accountsOfCaller(caller, address),
      this.#account("connection", connection),
      this.#account("address", address),
      this.#gateway,
    ];
    if (kind === "watch") {
      accounts.push(this.#account("watchesOfConnection", connection), this.#account("watches", undefined));
    } else if (kind === "reflection") {
      accounts.push(this.#account("reflectionOfConnection", connection), this.#account("reflection", undefined));
    }
    for (const account of accounts) if (account.isFull) throw REFUSALS[account.subject].streams;
    return new OpenStream(accounts, address, this.#books);
  }

  #accountsOfCaller(caller: string | undefined, address: string): Account[] {
    if (caller !== undefined) return [this.#account("caller", caller)];
    return [this.#account("strangersOfAddress", address), this.#account("strangers", undefined)];
  }

  /** One that counts nothing yet is kept only once it does. */
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

/** One stream that was let in. */
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

  /** Counts bytes that have come. Throws GatewayError if that is too many. */
  hold(bytes: number): void {
    if (!this.#isOpen) return;
    for (const account of this.#accounts) if (!account.hasRoomFor(bytes)) throw REFUSALS[account.subject].bytes;
    this.holdAnswer(bytes);
  }

  /** Counts bytes that there are already, whatever the bounds. */
  holdAnswer(bytes: number): void {
    if (!this.#isOpen) return;
    this.#bytes += bytes;
    for (const account of this.#accounts) account.bytes += bytes;
  }

  letGo(bytes: number): void {
    this.holdAnswer(-Math.min(bytes, this.#bytes));
  }

  /** It is known now who calls; undefined if nothing proves it. Throws GatewayError if that caller has too many. */
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
    streams: error(`too many open requests for ${of} (limit ${streams}); come back in a second`),
    bytes: error(`too many bytes of unfinished requests for ${of} (limit ${bytes}); come back in a second`),
  };
}
