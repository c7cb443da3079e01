// The issuer's public keys, cached. They are read again when they are old, or when a token names an
// unknown key, but never more often than every few seconds: tokens with made-up key IDs must not
// cause a flood of requests to the issuer. If the issuer cannot be reached, the last keys stay
// valid for a day.
import { type CryptoKey, createLocalJWKSet, errors, type FlattenedJWSInput, type JWSHeaderParameters } from "jose";
import type { Clock } from "../base/clock.js";
import type { Log } from "../base/log.js";
import { type KeySource, keysOf } from "./key-source.js";

/** After a successful read: the wait before an unknown key causes another. */
const COOLDOWN_MS = 10_000;
/** The same after a failed read. */
const AGAIN_MS = 5000;

/**
 * How long keys stay valid while they cannot be read: an issuer's outage must not keep callers from
 * stopping a bad update.
 */
const TRUSTED_MS = 24 * 3_600_000;

/** The keys needed to verify a token are not available. */
export class KeysAway extends Error {
  override readonly name = "KeysAway";
  readonly retryAfterMs: number;

  constructor(retryAfterMs: number) {
    super("the keys for verifying tokens are not available");
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
  /** When the keys were last read successfully. */
  #readMs = -Infinity;
  /** When the last read was started. */
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

  /** Stops reading the keys. */
  close(): void {
    this.#isClosed = true;
    this.#disarm();
  }

  /**
   * Schedules reads even while no tokens arrive: the first token after a pause must not be verified
   * with a withdrawn key.
   */
  #arm(): void {
    if (this.#isClosed) return;
    this.#disarm = this.#clock.at(this.#dueMs(), async () => {
      if (this.#clock.now() >= this.#dueMs()) await this.read();
      this.#arm();
    });
  }

  /** When the next read is due. */
  #dueMs(): number {
    return Math.max(this.#askedMs, this.#openedMs) + (this.#trouble ? AGAIN_MS : this.#source.freshMs);
  }

  /**
   * Returns a number that changes with the keys; undefined while no keys are valid. Starts a read
   * if the keys are old, without waiting for it. Keys twice as old as that are valid only if
   * reading fails.
   */
  generation(): number | undefined {
    const nowMs = this.#clock.now();
    const { freshMs } = this.#source;
    if (nowMs - this.#askedMs >= (this.#trouble ? AGAIN_MS : freshMs)) void this.read();
    const holdMs = this.#trouble ? TRUSTED_MS : 2 * freshMs;
    return this.#keys && nowMs - this.#readMs < holdMs ? this.#generation : undefined;
  }

  /** Finds the key that a token names. Throws KeysAway, or one of jose's errors. */
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

  /** Reads the keys now. Never rejects: on failure the previous keys stay in use. */
  read(): Promise<void> {
    this.#reading ??= this.#read().finally(() => {
      this.#reading = undefined;
    });
    return this.#reading;
  }

  /**
   * Time since the last successful read, or since startup if there was none. Starts a read if the
   * keys are old, because nothing else does while no tokens arrive.
   */
  ageMs(): number {
    this.generation();
    return this.#clock.now() - Math.max(this.#readMs, this.#openedMs);
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
      const meanwhile = this.#keys ? "the last keys stay valid for a day" : "no token can be verified until they can";
      if (!this.#trouble) this.#log.warn({ why }, `the keys of OTA_JWT_JWKS cannot be read; ${meanwhile}`);
      this.#trouble = error as Error;
    }
  }
}
