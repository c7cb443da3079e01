// An issuer of bearer tokens with real keys: its JWK Set, and tokens that are valid except for what
// a test changes.
import { type CryptoKey, exportJWK, generateKeyPair, type JWK, type JWTPayload, SignJWT } from "jose";

export const ISSUER = "https://issuer.example";
export const AUDIENCE = "ota-gateway";

/** Added to those of a valid token; `undefined` leaves one out. */
export type Claims = Readonly<Record<string, unknown>>;

export interface Issuer {
  readonly publicKey: JWK;
  readonly privateKey: CryptoKey;
  /** A token valid for an hour; a claim that is `undefined` is left out. */
  token(claims?: Claims, header?: { readonly alg?: string; readonly kid?: string }): Promise<string>;
}

export async function createIssuer({ kid = "k1", alg = "ES256", nowMs = Date.now() } = {}): Promise<Issuer> {
  const { publicKey, privateKey } = await generateKeyPair(alg, { extractable: true });
  const nowSeconds = Math.floor(nowMs / 1000);
  return {
    publicKey: { ...(await exportJWK(publicKey)), kid, alg },
    privateKey,
    token: (claims, header) => {
      const usual = { iss: ISSUER, aud: AUDIENCE, sub: "fleet-backend", iat: nowSeconds, exp: nowSeconds + 3600 };
      const payload = JSON.parse(JSON.stringify({ ...usual, ...claims })) as JWTPayload;
      return new SignJWT(payload).setProtectedHeader({ alg, kid, ...header }).sign(privateKey);
    },
  };
}

/** The text of a JWK Set. */
export function keySetOf(...issuers: readonly Issuer[]): string {
  return JSON.stringify({ keys: issuers.map(({ publicKey }) => publicKey) });
}
