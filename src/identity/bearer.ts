// Verifies bearer tokens (JWTs): signature, algorithm, issuer, audience and validity. Invariant: a
// token is accepted only while the keys that verified it are still valid, and never more than the
// tolerated skew after it expires. Verified tokens are remembered, so ten thousand rpcs with one
// token cost one verification.
import { hash } from "node:crypto";
import { type CryptoKey, decodeJwt, errors, type JWTPayload, type JWTVerifyOptions, jwtVerify } from "jose";
import type { Clock } from "../base/clock.js";
import { flatten } from "../base/flat-string.js";
import { isCallerName } from "./caller-name.js";
import type { Identity, PendingIdentity, Stranger, WhyStrange } from "./identity.js";
import { type KeySet, KeysAway } from "./key-set.js";

/** Asymmetric algorithms only: with a shared secret, every verifier could also issue tokens. */
const ALGORITHMS = "RS256 RS384 RS512 PS256 PS384 PS512 ES256 ES384 ES512 EdDSA Ed25519".split(" ");

/** Tolerated difference between the issuer's clock and ours. */
const SKEW_SECONDS = 30;

/**
 * Verified tokens are remembered by digest, so that a memory dump does not contain tokens of idle
 * callers.
 */
const MOST_REMEMBERED = 10_000;

const LONGEST_VALUE = 16_384;

const NO_CREDENTIALS: Stranger = { kind: "stranger", why: "no credentials" };
const NO_TOKEN: Stranger = { kind: "stranger", why: "not one bearer token" };

export interface BearerOptions {
  readonly keys: Pick<KeySet, "find" | "generation">;
  readonly issuer: string;
  readonly audience: string;
  readonly clock: Clock;
}

interface Remembered {
  readonly identity: Identity;
  readonly untilWallMs: number;
  readonly generation: number;
}

export class Bearer {
  readonly #options: BearerOptions;
  readonly #remembered = new Map<string, Remembered>();
  readonly #verifying = new Map<string, Promise<Identity>>();

  constructor(options: BearerOptions) {
    this.#options = options;
  }

  /** Identifies the caller from all values of `authorization`. */
  identify(authorization: readonly unknown[]): Identity | PendingIdentity {
    const [value] = authorization;
    if (value === undefined) return NO_CREDENTIALS;
    if (typeof value !== "string" || authorization.length > 1 || value.length > LONGEST_VALUE) return NO_TOKEN;
    // Looked up before the token is parsed, because parsing takes longer.
    const digest = hash("sha256", value, "base64");
    const generation = this.#options.keys.generation();
    const known = this.#remembered.get(digest);
    if (known) {
      if (known.generation === generation && known.untilWallMs > this.#options.clock.wallNow()) return known.identity;
      this.#remembered.delete(digest);
    }
    const token = /^bearer +([\w.~+/=-]+)$/i.exec(value)?.[1];
    if (token === undefined) return NO_TOKEN;
    return { kind: "pending", verify: () => this.#verifyOnce(token, digest) };
  }

  #verifyOnce(token: string, digest: string): Promise<Identity> {
    let verifying = this.#verifying.get(digest);
    if (!verifying) {
      verifying = this.#verify(token, digest).finally(() => this.#verifying.delete(digest));
      this.#verifying.set(digest, verifying);
    }
    return verifying;
  }

  async #verify(token: string, digest: string): Promise<Identity> {
    const { keys, issuer, audience, clock } = this.#options;
    const before = keys.generation();
    const currentDate = new Date(clock.wallNow());
    const requiredClaims = ["sub", "exp"];
    const rules = {
      algorithms: ALGORITHMS,
      issuer,
      audience,
      requiredClaims,
      clockTolerance: SKEW_SECONDS,
      currentDate,
    };
    try {
      const { sub: name, exp = 0 } = await claimsOf(token, keys, rules);
      if (!isCallerName(name)) return { kind: "stranger", why: "sub is no caller name" };
      const identity: Identity = { kind: "caller", name: flatten(name) };
      const generation = keys.generation();
      // Otherwise it may have been verified with a key that is no longer valid.
      if (generation !== undefined && generation === before) {
        this.#remember(digest, { identity, untilWallMs: (exp + SKEW_SECONDS) * 1000, generation });
      }
      return identity;
    } catch (error) {
      return strangerOf(error, token);
    }
  }

  #remember(digest: string, verified: Remembered): void {
    if (this.#remembered.size >= MOST_REMEMBERED) {
      const [oldest = ""] = this.#remembered.keys();
      this.#remembered.delete(oldest);
    }
    this.#remembered.set(digest, verified);
  }
}

async function claimsOf(token: string, { find }: Pick<KeySet, "find">, rules: JWTVerifyOptions): Promise<JWTPayload> {
  try {
    return (await jwtVerify(token, find, rules)).payload;
  } catch (error) {
    if (!(error instanceof errors.JWKSMultipleMatchingKeys)) throw error;
    return claimsByAny(token, error, rules);
  }
}

/** Verifies a token that does not say which of several keys signed it. */
async function claimsByAny(
  token: string,
  keys: AsyncIterable<CryptoKey>,
  rules: JWTVerifyOptions,
): Promise<JWTPayload> {
  for await (const key of keys) {
    try {
      return (await jwtVerify(token, key, rules)).payload;
    } catch (error) {
      if (!(error instanceof errors.JWSSignatureVerificationFailed)) throw error;
    }
  }
  throw new errors.JWSSignatureVerificationFailed();
}

function strangerOf(error: unknown, token: string): Stranger {
  const claimed = claimedBy(token);
  const stranger: Stranger = { kind: "stranger", why: whyOf(error), ...(claimed !== undefined && { claimed }) };
  return error instanceof KeysAway ? { ...stranger, retryAfterMs: Math.max(error.retryAfterMs, 0) } : stranger;
}

function whyOf(error: unknown): WhyStrange {
  if (error instanceof KeysAway) return "keys out of reach";
  if (error instanceof errors.JWTExpired) return "expired";
  if (error instanceof errors.JOSEAlgNotAllowed) return "algorithm not allowed";
  if (error instanceof errors.JWKSNoMatchingKey) return "unknown key";
  if (error instanceof errors.JWSSignatureVerificationFailed) return "wrong signature";
  if (!(error instanceof errors.JWTClaimValidationFailed)) return "malformed token";
  if (error.reason === "missing") return "claim missing";
  return CLAIMS[error.claim] ?? "malformed token";
}

const CLAIMS: Readonly<Record<string, WhyStrange>> = {
  nbf: "not valid yet",
  iss: "wrong issuer",
  aud: "wrong audience",
};

/**
 * The caller that a rejected token names. Most often an honest caller's token expired, and its
 * operator must learn whose.
 */
function claimedBy(token: string): string | undefined {
  try {
    const { sub } = decodeJwt(token);
    return isCallerName(sub) ? sub : undefined;
  } catch {
    return undefined;
  }
}
