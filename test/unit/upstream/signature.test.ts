import { createHash } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  authorizationV3,
  canonicalQuery,
  canonicalRequestV3,
  EMPTY_BODY_SHA256,
  percentEncode,
  signV1,
  signV3,
} from "../../../src/upstream/signature.js";
import vectors from "../../golden/signature-vectors.json" with { type: "json" };

const sha256 = (text: string) => createHash("sha256").update(text).digest("hex");

/** Entries of an object of one of the vectors, whose fields differ from vector to vector. */
const entries = (fields: object) => Object.entries(fields).map(([name, value]) => [name, String(value)] as const);

describe("signV1", () => {
  it.each(vectors.v1)("signs as recorded: $name", ({ method, params, secret, signature }) => {
    expect(signV1(method, entries(params), secret)).toBe(signature);
  });

  it("does not depend on the order of the parameters", () => {
    const [vector] = vectors.v1;
    expect(signV1("GET", entries(vector?.params ?? {}).reverse(), "testsecret")).toBe(vector?.signature);
  });
});

describe.each(vectors.v3)("signV3: $name", ({ method, path, query, headers, secret, accessKeyId, ...golden }) => {
  const request = {
    method,
    path,
    query: entries(query),
    headers: Object.fromEntries(entries(headers)),
    bodySha256: EMPTY_BODY_SHA256,
  };

  it("signs as recorded", () => {
    expect(signV3(request, secret)).toBe(golden.signature);
  });

  it("hashes the canonical request as recorded", () => {
    expect(sha256(canonicalRequestV3(request))).toBe(golden.canonicalRequestSha256);
  });

  it("names the key, the signed headers in order, and the signature", () => {
    const names = Object.keys(headers).sort().join(";");
    expect(authorizationV3(request, accessKeyId, secret)).toBe(
      `ACS3-HMAC-SHA256 Credential=${accessKeyId},SignedHeaders=${names},Signature=${golden.signature}`,
    );
  });
});

describe("EMPTY_BODY_SHA256", () => {
  it("is the hash of nothing", () => {
    expect(EMPTY_BODY_SHA256).toBe(sha256(""));
  });
});

describe("canonicalQuery", () => {
  it("sorts by bytes, so the tenth device comes before the second", () => {
    const names = ["ProductKey", "DeviceName.2", "DeviceName.10", "DeviceName.1", "a"];
    expect(canonicalQuery(names.map((name) => [name, "x"]))).toBe(
      "DeviceName.1=x&DeviceName.10=x&DeviceName.2=x&ProductKey=x&a=x",
    );
  });
});

describe("percentEncode", () => {
  it("leaves only letters, digits and -_.~ as they are, and is undone by decoding", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme" }), (text) => {
        const encoded = percentEncode(text);
        expect(encoded).toMatch(/^(?:[A-Za-z0-9._~-]|%[0-9A-F]{2})*$/);
        expect(decodeURIComponent(encoded)).toBe(text);
      }),
    );
  });
});
