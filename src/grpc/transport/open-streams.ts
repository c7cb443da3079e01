// Counts every stream of the gRPC port from its headers until it is closed, and the bytes that it
// holds: for its caller, its connection, its address and in all.
// Invariant: no account exceeds its bound, except by answers, which are counted and never refused.
import { flatten } from "../../base/flat-string.js";
import { GatewayError } from "../../gateway/failures.js";
import { BOUNDS, type Bound } from "../resource-bounds.js";
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

/** The open streams of one owner. */
class Account {
  readonly subject: Subject;
  readonly bound: Bound;
  streams = 0;
  bytes = 0;
  readonly #key: unknown;
  readonly #accounts: Map<unknown, Account>;

  /** `accounts`: where it is found while it counts something. */
  constructor(subject: Subject, key: unknown, accounts: Map<unknown, Account>) {
    this.subject = subject;
    this.bound = BOUNDS[subject];
    this.#key = key;
    this.#accounts = accounts;
  }

  get isFull(): boolean {
    return this.streams >= this.bound.streams;
  }

  hasRoomFor(bytes: number): boolean {
    return this.bytes + bytes <= this.bound.bytes;
  }

  add(): void {
    if (this.streams++ === 0) this.#accounts.set(this.#key, this);
  }

  remove(): void {
    if (--this.streams === 0) this.#accounts.delete(this.#key);
  }
}

/** The accounts of one subject, by owner. Only those that count something are kept. */
class Accounts {
  readonly #subject: Subject;
  readonly #accounts = new Map<unknown, Account>();

  constructor(subject: Subject) {
    this.#subject = subject;
  }

  of(key?: unknown): Account {
    const known = this.#accounts.get(key);
    return known ?? new Account(this.#subject, typeof key === "string" ? flatten(key) : key, this.#accounts);
  }
}

export class OpenStreams {
  readonly #accounts = Object.fromEntries(
    (Object.keys(BOUNDS) as Subject[]).map((subject) => [subject, new Accounts(subject)]),
  ) as Record<Subject, Accounts>;
  readonly #ofCaller = (caller: string | undefined, address: string) => this.#accountsOfCaller(caller, address);

  /** Counts a new stream. Throws GatewayError if there are too many of its kind. */
  openStream({ connection, address, caller, kind }: StreamOrigin): OpenStream {
    const by = this.#accounts;
    const ofConnection = by.connection.of(connection);
    const ofAddress = by.address.of(address);
    const ofAll = by.gateway.of();
    // Literals, because an array that grows gets room for sixteen more, for each stream.
    const accounts =
      caller === undefined
        ? [by.strangersOfAddress.of(address), by.strangers.of(), ofConnection, ofAddress, ofAll]
        : [by.caller.of(caller), ofConnection, ofAddress, ofAll];
    if (kind === "watch") accounts.push(by.watchesOfConnection.of(connection), by.watches.of());
    else if (kind === "reflection") accounts.push(by.reflectionOfConnection.of(connection), by.reflection.of());
    else if (kind === "submission") accounts.push(by.submissionsOfConnection.of(connection), by.submissions.of());
    for (const account of accounts) if (account.isFull) throw REFUSALS[account.subject].streams;
    return new OpenStream(accounts, address, this.#ofCaller);
  }

  #accountsOfCaller(caller: string | undefined, address: string): Account[] {
    if (caller !== undefined) return [this.#accounts.caller.of(caller)];
    return [this.#accounts.strangersOfAddress.of(address), this.#accounts.strangers.of()];
  }
}

type AccountsOf = (caller: string | undefined, address: string) => Account[];

/** One stream that has been counted. */
export class OpenStream {
  readonly address: string;
  readonly #accountsOf: AccountsOf;
  #accounts: Account[];
  #bytes = 0;
  #isOpen = true;

  constructor(accounts: Account[], address: string, accountsOf: AccountsOf) {
    this.address = address;
    this.#accounts = accounts;
    this.#accountsOf = accountsOf;
    for (const account of accounts) account.add();
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
    const proven = this.#accountsOf(caller, this.address);
    for (const account of proven) {
      if (this.#accounts.includes(account)) return;
      if (account.isFull) throw REFUSALS[account.subject].streams;
      if (!account.hasRoomFor(this.#bytes)) throw REFUSALS[account.subject].bytes;
    }
    const isOfCaller = ({ subject }: Account) => /^(caller|strangers|strangersOfAddress)$/.test(subject);
    const left = this.#accounts.filter(isOfCaller);
    this.#accounts = [...proven, ...this.#accounts.filter((account) => !isOfCaller(account))];
    for (const account of proven) {
      account.add();
      account.bytes += this.#bytes;
    }
    for (const account of left) {
      account.bytes -= this.#bytes;
      account.remove();
    }
  }

  close(): void {
    if (!this.#isOpen) return;
    this.letGo(this.#bytes);
    this.#isOpen = false;
    for (const account of this.#accounts) account.remove();
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
