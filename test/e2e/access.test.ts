// Callers that a real gateway admits with bearer tokens, and how little the others can learn.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { credentials } from "@grpc/grpc-js";
import { type CryptoKey, exportSPKI, importJWK, SignJWT, UnsecuredJWT } from "jose";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { HealthClient } from "../../src/gen/grpc/health/v1/health.js";
import type { Priority } from "../../src/gen/ota/v1/ota_service.js";
import { bearing, failuresOfAllRpcs, visitorOf } from "../support/all-rpcs.js";
import { failureOf } from "../support/grpc-failure.js";
import { AUDIENCE, type Claims, createIssuer, ISSUER, type Issuer, keySetOf } from "../support/issuer.js";
import { endPrograms, type GatewayProgram, openEmulator, runGateway, until } from "../support/processes.js";

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "access-"));
});
afterAll(() => rmSync(folder, { recursive: true }));

const KEYS_AT = { OTA_JWT_ISSUER: ISSUER, OTA_JWT_AUDIENCE: AUDIENCE };

describe("a gateway that takes bearer tokens", () => {
  let issuer: Issuer;
  let gateway: GatewayProgram;
  let audit: string;
  beforeAll(async () => {
    issuer = await createIssuer({ alg: "RS256" });
    const keys = join(folder, "jwks.json");
    audit = join(folder, "audit.jsonl");
    writeFileSync(keys, keySetOf(issuer));
    const { url } = await openEmulator({ devices: 50 });
    const variables = { ...KEYS_AT, OTA_JWT_JWKS: keys, OTA_AUDIT_LOG: audit, OTA_AUDIT_DEVICE_NAMES: "1" };
    gateway = await runGateway(url, variables);
    await gateway.opened();
  });
  afterAll(endPrograms);

  async function badCredentials(): Promise<Record<string, Readonly<Record<string, string>>>> {
    const nowSeconds = Math.floor(Date.now() / 1000);
    const claims: Claims = { iss: ISSUER, aud: AUDIENCE, sub: "fleet-backend", exp: nowSeconds + 600 };
    const publicKey = (await importJWK(issuer.publicKey, "RS256", { extractable: true })) as CryptoKey;
    const text = new TextEncoder();
    const secret = (key: string, header = {}) =>
      new SignJWT(claims).setProtectedHeader({ alg: "HS256", kid: "k1", ...header }).sign(text.encode(key));
    const impostor = await createIssuer({ alg: "RS256" });
    const [head, , signature] = (await issuer.token()).split(".");
    const forged = Buffer.from(JSON.stringify({ ...claims, sub: "admin" })).toString("base64url");
    const self = new SignJWT(claims).setProtectedHeader({ alg: "RS256", kid: "k1", jwk: impostor.publicKey });
    return {
      none: {},
      "only a name": { "x-ota-caller": "fleet-backend" },
      rubbish: bearing("rubbish"),
      "another scheme": { authorization: "Basic ZmxlZXQ6YmFja2VuZA==" },
      expired: bearing(await issuer.token({ exp: nowSeconds - 60 })),
      "not yet valid": bearing(await issuer.token({ nbf: nowSeconds + 600 })),
      "for another audience": bearing(await issuer.token({ aud: "billing" })),
      "of another issuer": bearing(await issuer.token({ iss: "https://evil.example" })),
      "without an end": bearing(await issuer.token({ exp: undefined })),
      "a name that is none": bearing(await issuer.token({ sub: "a b" })),
      "alg none": bearing(new UnsecuredJWT(claims).encode()),
      "HS256 with the public key": bearing(await secret(await exportSPKI(publicKey))),
      "HS256 with the public JWK": bearing(await secret(JSON.stringify(issuer.publicKey))),
      "self-signed, with the issuer's kid": bearing(await impostor.token()),
      "self-signed, with a kid of its own": bearing(await impostor.token({}, { kid: "own" })),
      "self-signed, with its key inside": bearing(await self.sign(impostor.privateKey)),
      "with another name put in": bearing(`${head}.${forged}.${signature}`),
    };
  }

  it("refuses every bad credential with the same words, whatever is asked", async () => {
    const answers = new Map<string, string[]>();
    for (const [what, headers] of Object.entries(await badCredentials())) {
      const visitor = visitorOf(gateway.grpc, headers);
      const all = await Promise.all([
        failureOf(visitor.cancel()),
        failureOf(visitor.cancel({ account: "no-such-account" })),
        failureOf(visitor.cancel({ productKey: "", priority: 99 as Priority, validateOnly: true })),
        failureOf(visitor.quota()),
        failureOf(visitor.quota("no-such-account")),
        failureOf(visitor.stream()),
      ]);
      all.push(...(await failuresOfAllRpcs(gateway.grpc, headers)).values());
      for (const failure of all) {
        const text = JSON.stringify(failure);
        answers.set(text, [...(answers.get(text) ?? []), what]);
      }
      visitor.close();
    }
    expect([...answers.keys()].map((text) => JSON.parse(text))).toEqual([
      {
        code: "UNAUTHENTICATED",
        message: "no valid credentials",
        reason: "UNAUTHENTICATED",
        domain: "ota.v1",
        metadata: {},
        violations: [],
        devices: [],
        quotaSubjects: [],
        pushback: "-1",
      },
    ]);
  });

  it("says in the log and in the audit log why, and whom a token claimed to be of, but never the token", async () => {
    const token = await issuer.token({ exp: 1, sub: "late-service", email: "someone@example.com" });
    await failureOf(visitorOf(gateway.grpc, bearing(token)).cancel({ reason: "audited refusal" }));
    const refused = () =>
      readFileSync(audit, "utf8")
        .split("\n")
        .find((line) => line.includes("audited refusal"));
    await until(() => refused() !== undefined);
    const record = JSON.parse(refused() ?? "");
    expect(record).toMatchObject({
      outcome: "refused",
      error: "unauthenticated",
      caller: "",
      claimedCaller: "late-service",
      why: "expired",
      devices: 1,
    });
    expect(record).not.toHaveProperty("deviceNames");
    await gateway.said(/"status":"UNAUTHENTICATED".*"why":"expired","claimed":"late-service"/);
    for (const text of [gateway.stderr, gateway.stdout, readFileSync(audit, "utf8")]) {
      expect(text).not.toContain("someone@example.com");
      for (const part of token.split(".")) expect(text).not.toContain(part);
    }
  });

  it("takes a good token for its sub, whatever name the caller gives itself", async () => {
    const headers = { ...bearing(await issuer.token()), "x-ota-caller": "somebody-else" };
    const visitor = visitorOf(gateway.grpc, headers);
    expect((await visitor.cancel({ reason: "let in" })).success).toBe(true);
    await visitor.quota();
    await visitor.stream();
    visitor.close();
    await gateway.said(/"method":"ota.v1.OtaService\/CancelTasksByDevice","caller":"fleet-backend","status":"OK"/);
    expect(gateway.stderr).not.toContain("somebody-else");
  });

  it("answers probes and tells the contract without credentials", async () => {
    const client = new HealthClient(gateway.grpc, credentials.createInsecure());
    const health = await new Promise((resolve, reject) =>
      client.check({ service: "ota.v1.OtaService" }, (error, response) => (error ? reject(error) : resolve(response))),
    );
    client.close();
    expect(health).toEqual({ status: 1 });
  });
});
