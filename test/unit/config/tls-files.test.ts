import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { ConfigError, readConfig } from "../../../src/config/config.js";
import { readTlsFiles } from "../../../src/config/tls-files.js";
import { createCertificateAuthority } from "../../support/certificate-authority.js";

const authority = createCertificateAuthority();
const pair = authority.issue({ dns: ["localhost"] });

function files(contents: Partial<Record<"cert" | "key" | "ca", string>> = {}) {
  const folder = mkdtempSync(join(tmpdir(), "ota-gateway-tls-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  for (const [name, text] of Object.entries({ ...pair, ca: authority.cert, ...contents })) {
    writeFileSync(join(folder, name), text);
  }
  return { tlsCert: join(folder, "cert"), tlsKey: join(folder, "key"), tlsClientCa: join(folder, "ca") };
}

function mistakes(paths: { tlsCert?: string; tlsKey?: string; tlsClientCa?: string }): readonly string[] {
  try {
    readConfig({
      OTA_LISTEN: "0.0.0.0:50051",
      OTA_TLS_CERT: paths.tlsCert,
      OTA_TLS_KEY: paths.tlsKey,
      OTA_TLS_CLIENT_CA: paths.tlsClientCa,
    });
  } catch (error) {
    if (error instanceof ConfigError) return error.mistakes;
    throw error;
  }
  return [];
}

describe("readTlsFiles", () => {
  it("takes a whole pair, with a chain behind the certificate, and tells when it ends", () => {
    const read = readTlsFiles(files({ cert: pair.cert + authority.cert }));
    expect(read).toMatchObject({ key: pair.key, ca: authority.cert });
    expect(read.expiresWallMs).toBeGreaterThan(Date.now());
    expect(readTlsFiles({ ...files(), tlsClientCa: "" })).not.toHaveProperty("ca");
  });
});

describe("readConfig", () => {
  it("takes an address that others can reach if it is encrypted", () => {
    expect(mistakes(files())).toEqual([]);
    expect(mistakes({ ...files(), tlsClientCa: "" })).toEqual([]);
  });

  it("wants certificate and key together, and both for a client CA", () => {
    const { tlsCert, tlsKey, tlsClientCa } = files();
    expect(mistakes({ tlsCert })).toEqual([expect.stringMatching(/^OTA_TLS_KEY: is not set/)]);
    expect(mistakes({ tlsKey })).toEqual([expect.stringMatching(/^OTA_TLS_CERT: is not set/)]);
    expect(mistakes({ tlsClientCa })).toHaveLength(2);
  });

  it("reports every file that cannot be read", () => {
    expect(mistakes({ tlsCert: "/nowhere/a", tlsKey: "/nowhere/b", tlsClientCa: "/nowhere/c" })).toEqual([
      "OTA_TLS_CERT: /nowhere/a cannot be read: ENOENT",
      "OTA_TLS_KEY: /nowhere/b cannot be read: ENOENT",
      "OTA_TLS_CLIENT_CA: /nowhere/c cannot be read: ENOENT",
    ]);
  });

  it.each([
    ["cert", "", /^OTA_TLS_CERT: .* holds no certificate in PEM/],
    ["cert", pair.cert.slice(0, 300), /^OTA_TLS_CERT: .* holds no certificate in PEM/],
    ["cert", pair.cert + authority.cert.slice(0, 300), /^OTA_TLS_CERT: .* cut off/],
    ["cert", pair.key, /^OTA_TLS_CERT: .* holds no certificate in PEM/],
    ["key", "", /^OTA_TLS_KEY: .* holds no private key in PEM/],
    ["key", pair.key.slice(0, 100), /^OTA_TLS_KEY: .* holds no private key in PEM/],
    ["key", authority.issue({}).key, /^OTA_TLS_KEY: is not the key of the first certificate in OTA_TLS_CERT; set/],
    ["ca", "", /^OTA_TLS_CLIENT_CA: .* holds no certificate in PEM/],
    ["ca", `${authority.cert}-----BEGIN CERTIFICATE-----`, /^OTA_TLS_CLIENT_CA: .* cut off/],
  ] as const)("says what is wrong with a file: %s", (name, text, reason) => {
    expect(mistakes(files({ [name]: text }))).toEqual([expect.stringMatching(reason)]);
  });

  it("shows nothing of a key", () => {
    expect(mistakes(files({ key: pair.key.slice(0, 150) })).join()).not.toContain(pair.key.slice(40, 60));
  });
});
