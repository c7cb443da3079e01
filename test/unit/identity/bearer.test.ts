import { type CryptoKey, exportSPKI, importJWK, SignJWT, UnsecuredJWT } from "jose";
import { describe, expect, it } from "vitest";
import { Bearer } from "../../../src/identity/bearer.js";
import type { Identity, PendingIdentity } from "../../../src/identity/identity.js";
import { KeySet } from "../../../src/identity/key-set.js";
import { FakeLog } from "../../support/fake-log.js";
import { HandClock } from "../../support/hand-clock.js";
import { AUDIENCE, type Claims, createIssuer, ISSUER, type Issuer, keySetOf } from "../../support/issuer.js";

const NOW_SECONDS = Date.UTC(2026, 0, 1) / 1000;

async function setUp(...others: Issuer[]) {
  const clock = new HandClock();
  const issuer = await createIssuer({ nowMs: clock.wallNow() });
  let text = keySetOf(issuer, ...others);
  let isAway = false;
  const source = {
    freshMs: 600_000,
    read: async () => {
      if (isAway) throw new Error("ECONNREFUSED");
      return text;
    },
  };
  const keySet = new KeySet({ source, clock, log: new FakeLog() });
  await keySet.read();
  let lookUps = 0;
  const keys: Pick<KeySet, "find" | "generation"> = {
    generation: () => keySet.generation(),
    find: (header, token) => {
      lookUps++;
      return keySet.find(header, token);
    },
  };
  const bearer = new Bearer({ keys, issuer: ISSUER, audience: AUDIENCE, clock });
  return {
    clock,
    issuer,
    keySet,
    identify: (token: string) => identityBy(bearer, `Bearer ${token}`),
    bearer,
    lookUps: () => lookUps,
    publish: async (...issuers: Issuer[]) => {
      text = keySetOf(...issuers);
      await keySet.read();
    },
    goAway: () => {
      isAway = true;
    },
  };
}

/** At once if it is known, and else when it has been verified. */
function identityBy(bearer: Bearer, authorization: string): Identity | Promise<Identity> {
  const identity = bearer.identify([authorization]);
  return identity.kind === "pending" ? identity.verify() : identity;
}

const caller = (name: string): Identity => ({ kind: "caller", name });

describe("Bearer.identify", () => {
  it("takes a token of the issuer for its sub", async () => {
    const { identify, issuer } = await setUp();
    expect(await identify(await issuer.token())).toEqual(caller("fleet-backend"));
    expect(await identify(await issuer.token({ sub: "spiffe://corp/ota", aud: ["x", AUDIENCE] }))).toEqual(
      caller("spiffe://corp/ota"),
    );
  });

  it.each(["RS256", "PS384", "ES384", "EdDSA"])("takes tokens signed with %s", async (alg) => {
    const { identify, publish } = await setUp();
    const issuer = await createIssuer({ alg, nowMs: NOW_SECONDS * 1000 });
    await publish(issuer);
    expect(await identify(await issuer.token())).toEqual(caller("fleet-backend"));
  });

  it.each([
    ["expired", { exp: NOW_SECONDS - 31 }],
    ["not valid yet", { nbf: NOW_SECONDS + 31 }],
    ["wrong issuer", { iss: "https://other.example" }],
    ["wrong audience", { aud: "another-service" }],
    ["wrong audience", { aud: [] }],
    ["claim missing", { exp: undefined }],
    ["claim missing", { sub: undefined }],
    ["claim missing", { iss: undefined }],
    ["claim missing", { aud: undefined }],
    ["malformed token", { exp: "tomorrow" }],
    ["sub is no caller name", { sub: "two words" }],
    ["sub is no caller name", { sub: "*" }],
    ["sub is no caller name", { sub: "n".repeat(129) }],
    ["sub is no caller name", { sub: 7 }],
  ] as [string, Claims][])("refuses a token for: %s", async (why, claims) => {
    const { identify, issuer } = await setUp();
    expect(await identify(await issuer.token(claims))).toMatchObject({ why });
  });

  it("lets clocks be half a minute apart, and no more", async () => {
    const { identify, issuer } = await setUp();
    expect(await identify(await issuer.token({ exp: NOW_SECONDS - 29 }))).toEqual(caller("fleet-backend"));
    expect(await identify(await issuer.token({ nbf: NOW_SECONDS + 29 }))).toEqual(caller("fleet-backend"));
  });

  it("refuses what is not signed, or by somebody else, or with what everybody knows", async () => {
    const { identify, issuer } = await setUp();
    const claims = { iss: ISSUER, aud: AUDIENCE, sub: "fleet-backend", exp: NOW_SECONDS + 60 };
    expect(await identify(new UnsecuredJWT(claims).encode())).toMatchObject({ why: "algorithm not allowed" });
    const publicKey = await importJWK(issuer.publicKey, "ES256", { extractable: true });
    const pem = new TextEncoder().encode(await exportSPKI(publicKey as CryptoKey));
    const withPem = await new SignJWT(claims).setProtectedHeader({ alg: "HS256", kid: "k1" }).sign(pem);
    expect(await identify(withPem)).toMatchObject({ why: "algorithm not allowed" });
    const impostor = await createIssuer({ nowMs: NOW_SECONDS * 1000 });
    expect(await identify(await impostor.token())).toMatchObject({ why: "wrong signature" });
    const stranger = await createIssuer({ kid: "own", nowMs: NOW_SECONDS * 1000 });
    expect(await identify(await stranger.token())).toMatchObject({ why: "unknown key" });
    const own = await new SignJWT(claims)
      .setProtectedHeader({ alg: "ES256", jwk: stranger.publicKey })
      .sign(stranger.privateKey);
    expect(await identify(own)).toMatchObject({ why: "wrong signature" });
  });

  it("reports the caller that a token claims, for the log, and nothing that is not a valid name", async () => {
    const { identify, issuer } = await setUp();
    expect(await identify(await issuer.token({ exp: 1 }))).toEqual({
      kind: "stranger",
      why: "expired",
      claimed: "fleet-backend",
    });
    expect(await identify(await issuer.token({ exp: 1, sub: "\u001b[2J" }))).toEqual({
      kind: "stranger",
      why: "expired",
    });
  });

  it("verifies nothing before it is asked to (was: also for rpcs that were already refused)", async () => {
    const { bearer, issuer, lookUps } = await setUp();
    const pending = bearer.identify([`Bearer ${await issuer.token()}`]);
    await new Promise((resolve) => setImmediate(resolve));
    expect(lookUps()).toBe(0);
    expect(await (pending as PendingIdentity).verify()).toEqual(caller("fleet-backend"));
    expect(lookUps()).toBe(1);
  });

  it("refuses what is not one bearer token, without looking for a key", async () => {
    const { bearer, issuer, lookUps } = await setUp();
    const token = await issuer.token();
    expect(bearer.identify([])).toEqual({ kind: "stranger", why: "no credentials" });
    for (const values of [[`Basic ${token}`], [token], ["Bearer "], [`Bearer ${"a".repeat(20_000)}`], [7]]) {
      expect(bearer.identify(values)).toEqual({ kind: "stranger", why: "not one bearer token" });
    }
    expect(bearer.identify([`Bearer ${token}`, `Bearer ${token}`])).toEqual({
      kind: "stranger",
      why: "not one bearer token",
    });
    for (const text of ["a", "a.b", "a.b.c", "a.b.c.d.e", `${token}x`]) {
      expect(await identityBy(bearer, `Bearer ${text}`)).toHaveProperty("why");
    }
    expect(await identityBy(bearer, `bearer  ${token}`)).toEqual(caller("fleet-backend"));
    expect(lookUps()).toBe(2); // of the good one, and of the one with a letter too many
  });

  it("verifies a token once, however often it comes, until it expires", async () => {
    const { identify, issuer, clock, lookUps } = await setUp();
    const token = await issuer.token({ exp: NOW_SECONDS + 60 });
    await Promise.all(Array.from({ length: 100 }, () => identify(token)));
    for (let n = 0; n < 100; n++) expect(identify(token)).toEqual(caller("fleet-backend"));
    expect(lookUps()).toBe(1);
    await clock.advance(89_999);
    expect(identify(token)).toEqual(caller("fleet-backend"));
    await clock.advance(1);
    expect(await identify(token)).toMatchObject({ why: "expired" });
  });

  it("accepts no token whose key has been withdrawn", async () => {
    const { identify, issuer, publish } = await setUp();
    const token = await issuer.token();
    expect(await identify(token)).toEqual(caller("fleet-backend"));
    expect(await identify(token)).toEqual(caller("fleet-backend"));
    await publish(await createIssuer({ kid: "k2" }));
    expect(await identify(token)).toMatchObject({ why: "unknown key" });
  });

  it("takes no token any more once its keys have not been seen for a day", async () => {
    const { identify, issuer, clock, goAway } = await setUp();
    const token = await issuer.token({ exp: NOW_SECONDS + 1e6 });
    await identify(token);
    goAway();
    await clock.advance(24 * 3_600_000 - 1);
    expect(await identify(token)).toEqual(caller("fleet-backend"));
    await clock.advance(1);
    expect(await identify(token)).toMatchObject({ why: "keys out of reach", retryAfterMs: expect.any(Number) });
  });

  it("tries all keys that fit a token that names none", async () => {
    const second = await createIssuer({ kid: "k2", nowMs: NOW_SECONDS * 1000 });
    const { identify } = await setUp(second);
    const claims = { iss: ISSUER, aud: AUDIENCE, sub: "a", exp: NOW_SECONDS + 60 };
    const signed = (issuer: Issuer) => new SignJWT(claims).setProtectedHeader({ alg: "ES256" }).sign(issuer.privateKey);
    expect(await identify(await signed(second))).toEqual(caller("a"));
    expect(await identify(await signed(await createIssuer()))).toMatchObject({ why: "wrong signature" });
  });
});
