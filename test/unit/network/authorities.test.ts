import { X509Certificate } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { systemAuthorities } from "../../../src/network/authorities.js";
import { createCertificateAuthority } from "../../support/certificate-authority.js";

describe("systemAuthorities", () => {
  // Node would write to standard error, where the first line of a command's message belongs.
  it("reads SSL_CERT_FILE itself where the system has no folder of certificates", () => {
    const folder = mkdtempSync(join(tmpdir(), "ota-gateway-authorities-"));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const [first, second] = ["first", "second"].map((name) => createCertificateAuthority(name).cert);
    const bundle = join(folder, "bundle.pem");
    writeFileSync(bundle, `first, as a comment\r\n${first?.replaceAll("\n", "\r\n")}\n${second}`);
    const none = join(folder, "none");
    const found = systemAuthorities({ SSL_CERT_FILE: bundle }, none).map((cert) => new X509Certificate(cert).subject);
    expect(found).toEqual(["CN=first", "CN=second"]);
    expect(systemAuthorities({ SSL_CERT_FILE: none }, none)).toEqual([]);
  });
});
