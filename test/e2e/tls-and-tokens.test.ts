// A gateway that takes client certificates and bearer tokens: who needs which, and whose name counts.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { bearing } from "../support/all-rpcs.js";
import { createCertificateAuthority, type Pair } from "../support/certificate-authority.js";
import { failureOf } from "../support/grpc-failure.js";
import { AUDIENCE, createIssuer, ISSUER, type Issuer, keySetOf } from "../support/issuer.js";
import { endPrograms, type GatewayProgram, runGateway, until } from "../support/processes.js";
import { parsePrometheus, sumOf } from "../support/prometheus-text.js";
import { createTlsCaller } from "../support/tls-caller.js";

const authority = createCertificateAuthority();
const strangers = createCertificateAuthority("another authority");
const fleet = authority.issue({ commonName: "x", uris: ["spiffe://corp.example/fleet"] });

let folder: string;
let issuer: Issuer;
let gateway: GatewayProgram;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "tls-and-tokens-"));
  issuer = await createIssuer();
  const file = (name: string, text: string) => {
    writeFileSync(join(folder, name), text);
    return join(folder, name);
  };
  const own = authority.issue({ dns: ["localhost"] });
  gateway = await runGateway("http://127.0.0.1:9", {
    OTA_TLS_CERT: file("tls.crt", own.cert),
    OTA_TLS_KEY: file("tls.key", own.key),
    OTA_TLS_CLIENT_CA: file("ca.crt", authority.cert),
    OTA_JWT_JWKS: file("jwks.json", keySetOf(issuer)),
    OTA_JWT_ISSUER: ISSUER,
    OTA_JWT_AUDIENCE: AUDIENCE,
    OTA_AUDIT_LOG: join(folder, "audit.jsonl"),
  });
});
afterAll(async () => {
  await endPrograms();
  rmSync(folder, { recursive: true });
});

function callerWith(own?: Pair) {
  const caller = createTlsCaller(gateway.grpc.replace("127.0.0.1", "localhost"), authority.cert, own);
  onTestFinished(() => caller.close());
  return caller;
}

/** Resolves once the log tells of another rpc, with who asked. */
async function loggedAfter(ask: () => Promise<unknown>): Promise<unknown> {
  const lines = () => gateway.stderr.split("\n").filter((line) => line.includes('"msg":"rpc"'));
  const before = lines().length;
  await ask().catch(() => {});
  await until(() => lines().length > before);
  return JSON.parse(lines()[before] ?? "").caller;
}

describe("a gateway with OTA_TLS_CLIENT_CA and OTA_JWT_JWKS", () => {
  it("tells in its metrics how long that will do, and that no line of the audit log is lost", async () => {
    const families = parsePrometheus(await (await fetch(`${gateway.admin}/metrics`)).text());
    expect(sumOf(families, "ota_tls_expires_in_seconds")).toBeGreaterThan(60);
    expect(sumOf(families, "ota_jwt_keys_age_seconds")).toBeLessThan(60);
    expect(sumOf(families, "ota_audit_lost_total")).toBe(0);
    expect(sumOf(families, "ota_audit_waiting_bytes")).toBeLessThan(10_000);
  });

  it("lets in with a token and no certificate, in the token's name", async () => {
    const token = await issuer.token({ sub: "of-token" });
    expect(await loggedAfter(() => callerWith().ask({ ...bearing(token), "x-ota-caller": "claimed" }))).toBe(
      "of-token",
    );
  });

  it("lets in with a certificate and no token, in the certificate's name", async () => {
    const ask = () => callerWith(fleet).ask({ "x-ota-caller": "claimed" });
    expect(await loggedAfter(ask)).toBe("spiffe://corp.example/fleet");
  });

  it("goes by the certificate if there are both", async () => {
    const token = await issuer.token({ sub: "of-token" });
    expect(await loggedAfter(() => callerWith(fleet).ask(bearing(token)))).toBe("spiffe://corp.example/fleet");
  });

  it("refuses a token that does not hold, beside a good certificate too", async () => {
    const expired = await issuer.token({ exp: Math.floor(Date.now() / 1000) - 60 });
    expect(await failureOf(callerWith(fleet).ask(bearing(expired)))).toMatchObject({ code: "UNAUTHENTICATED" });
  });

  it("refuses who has neither, and a certificate of somebody else's before any token is looked at", async () => {
    expect(await failureOf(callerWith().ask())).toMatchObject({ code: "UNAUTHENTICATED" });
    const foreign = strangers.issue({ commonName: "fleet" });
    const token = await issuer.token();
    expect(await failureOf(callerWith(foreign).ask(bearing(token)))).toMatchObject({ code: "UNAVAILABLE" });
  });
});
