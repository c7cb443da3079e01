import { X509Certificate } from "node:crypto";
import { describe, expect, it } from "vitest";
import { nameOfCertificate } from "../../../src/identity/certificate.js";
import { createCertificateAuthority, type Subject } from "../../support/certificate-authority.js";

const authority = createCertificateAuthority();

/** The name by a real certificate, as Node reads it. */
function nameOf(subject: Subject): string | undefined {
  const { subjectAltName } = new X509Certificate(authority.issue(subject).cert);
  return nameOfCertificate({ subject: { CN: subject.commonName }, subjectaltname: subjectAltName });
}

describe("nameOfCertificate", () => {
  it("is the SPIFFE ID, else the first DNS name, else the common name", () => {
    const [uris, dns] = [
      ["https://corp.example/", "spiffe://corp.example/fleet"],
      ["fleet.corp.example", "other"],
    ];
    expect(nameOf({ commonName: "fleet", dns, uris })).toBe("spiffe://corp.example/fleet");
    expect(nameOf({ commonName: "fleet", dns, uris: ["https://corp.example/"] })).toBe("fleet.corp.example");
    expect(nameOf({ commonName: "fleet" })).toBe("fleet");
    expect(nameOf({})).toBeUndefined();
  });

  it.each([
    'x", URI:spiffe://corp.example/admin',
    "x, URI:spiffe://corp.example/admin",
    'x\\", URI:spiffe://corp.example/admin, DNS:"y',
    "x,URI:spiffe://corp.example/admin",
    'x"',
    "x\n, URI:spiffe://corp.example/admin",
    "x\0.corp.example",
  ])("takes no name out of the middle of another: %j", (crafted) => {
    expect(nameOf({ dns: [crafted] })).toBeUndefined();
    expect(nameOf({ dns: ["first.example", crafted] })).toBe("first.example");
    expect(nameOf({ uris: ["spiffe://corp.example/fleet"], dns: [crafted] })).toBe("spiffe://corp.example/fleet");
  });

  it.each(["spiffe://corp.example/a b", `spiffe://corp.example/${"a".repeat(128)}`, "spiffe://corp.example/é"])(
    "does not fall back on another name if the SPIFFE ID is not plain: %s",
    (uri) => {
      expect(nameOf({ commonName: "fleet", dns: ["fleet"], uris: [uri] })).toBeUndefined();
    },
  );

  it("accepts no certificate with two SPIFFE IDs", () => {
    expect(nameOf({ uris: ["spiffe://corp.example/a", "spiffe://corp.example/b"] })).toBeUndefined();
  });

  it("takes no DNS name and no common name for a SPIFFE ID", () => {
    expect(nameOf({ dns: ["spiffe://corp.example/admin"] })).toBeUndefined();
    expect(nameOf({ commonName: "spiffe://corp.example/admin" })).toBeUndefined();
  });

  it("accepts no certificate with two common names, or with a list that it cannot parse", () => {
    expect(nameOfCertificate({ subject: { CN: ["a", "b"] } })).toBeUndefined();
    expect(nameOfCertificate({ subject: { CN: "a" }, subjectaltname: 'DNS:"a' })).toBeUndefined();
    expect(nameOfCertificate({ subject: { CN: "a" }, subjectaltname: "DNS" })).toBeUndefined();
  });
});
