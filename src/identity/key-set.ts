// The issuer's public keys, as they were read last. They are read again when they are old, or when a token names
// a key that is not among them, and never more often than once in some seconds: whoever sends tokens with made-up
// keys must not be able to flood the issuer. While the issuer is away, what was read holds on for a day.
import { type CryptoKey, createLocalJWKSet, errors, type FlattenedJWSInput, type JWSHeaderParameters } from "jose";
import type { Clock } from "../base/clock.js";
import type { Log } from "../base/log.js";
import { type KeySource, keysOf } from "./key-source.js";

/** After a reading, an unknown key is not looked for again for so long, */
const COOLDOWN_MS = 10_000;
/** and after one that failed. */
const AGAIN_MS = 5000;

/** Keys that cannot be read any more hold for so long: nobody should be kept from stopping a bad firmware by that. */
const TRUSTED_MS = 24 * 3_600_000;

/** The keys that would tell are out of reach. */
export class KeysAway extends Error {
  override readonly name = "KeysAway";
  readonly retryAfterMs: number;

  constructor(retryAfterMs: number) {
    super("the keys that tokens are checked with are out of reach");
    this.retryAfterMs = retryAfterMs;
  }
}

interface Keys {
  readonly text: string;
  readonly find: ReturnType<typeof createLocalJWKSet>;
}

export interface KeySetOptions {
  readonly source: KeySource;
  readonly clock: Clock;
  readonly log: Log;
}

export class KeySet {
  readonly #source: KeySource;
  readonly #clock: Clock;
  readonly #log: Log;
  #keys: Keys | undefined;
  #generation = 0;
  readonly #openedMs: number;
  /** When they were last read and found good. */
  #readMs = -Infinity;
  /** When they were last asked for. */
  #askedMs = -Infinity;
  #trouble: Error | undefined;
  #reading: Promise<void> | undefined;
  #disarm = () => {};
  #isClosed = false;

  constructor({ source, clock, log }: KeySetOptions) {
    this.#source = source;
    this.#clock = clock;
    this.#log = log;
    this.#openedMs = clock.now();
    this.#arm();
  }

  /** Reads them no more. */
  close(): void {
    this.#isClosed = true;
    this.#disarm();
  }

  /** Also while no tokens come: a key that was withdrawn must not be taken once more, by the first that does. */
  #arm(): void {
    if (this.#isClosed) return;
    this.#disarm = this.#clock.at(this.#dueMs(), async () => {
      if (this.#clock.now() >= this.#dueMs()) await this.read();
      this.#arm();
    });
  }

  /** When they are to be read next. */
  #dueMs(): number {
    return Math.max(this.#askedMs, this.#openedMs) + (this.#trouble ? AGAIN_MS : this.#source.freshMs);
  }

  /**
   * A number that changes with the keys; undefined while there are none that hold. Begins to read them again if
   * they are old, and does not wait for that; those that are twice as old hold only if they cannot be read.
   */
  generation(): number | undefined {
    const nowMs = this.#clock.now();
    const { freshMs } = this.#source;
    if (nowMs - this.#askedMs >= (this.#trouble ? AGAIN_MS : freshMs)) void this.read();
    const holdMs = this.#trouble ? TRUSTED_MS : 2 * freshMs;
    return this.#keys && nowMs - this.#readMs < holdMs ? this.#generation : undefined;
  }

  /** The key that a token names. Throws KeysAway, or one of jose's errors. */
  readonly find = async (header: JWSHeaderParameters, token: FlattenedJWSInput): Promise<CryptoKey> => {
    if (this.generation() === undefined) await this.#again();
    if (!this.#keys || this.generation() === undefined) throw new KeysAway(this.#againInMs());
    try {
      return await this.#keys.find(header, token);
    } catch (error) {
      if (!(error instanceof errors.JWKSNoMatchingKey)) throw error;
      await this.#again();
      if (this.#trouble) throw new KeysAway(this.#againInMs());
      return this.#keys.find(header, token);
    }
  };

  /** Reads them now. Never rejects: what was there before holds on. */
  read(): Promise<void> {
    this.#reading ??= this.#read().finally(() => {
      this.#reading = undefined;
    });
    return this.#reading;
  }

  /**
   * How long ago they were last read and found good, or began to be asked for. Begins to read them again if they are old,
   * for nothing else does while no tokens come.
   */
  ageMs(): number {
    this.generation();
    return this.#clock.now() - Math.max(this.#readMs, this.#openedMs);
  }

  /** Why they could not be read the last time. */
  get trouble(): Error | undefined {
    return this.#trouble;
  }

  async #again(): Promise<void> {
    if (this.#reading || this.#againInMs() <= 0) await this.read();
  }

  #againInMs(): number {
    return this.#askedMs + (this.#trouble ? AGAIN_MS : COOLDOWN_MS) - this.#clock.now();
  }

  async #read(): Promise<void> {
    this.#askedMs = this.#clock.now();
    try {
      const text = await this.#source.read();
      if (text !== this.#keys?.text) {
        this.#keys = { text, find: createLocalJWKSet(keysOf(text)) };
        this.#generation++;
      }
      this.#readMs = this.#clock.now();
      if (this.#trouble) this.#log.info({}, "the keys of OTA_JWT_JWKS can be read again");
      this.#trouble = undefined;
    } catch (error) {
      const why = (error as Error).message;
      if (!this.#trouble) this.#log.warn({ why }, "the keys of OTA_JWT_JWKS cannot be read; those read before hold on");
      this.#trouble = error as Error;
    }
  }
}
