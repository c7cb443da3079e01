import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { type AccessKey, signatureCheck } from "../../../../src/emulator/protocol/signature-check.js";
import type { ReceivedRequest } from "../../../../src/emulator/protocol/wire.js";
import { EMPTY_BODY_SHA256 } from "../../../../src/upstream/signature.js";
import { HandClock } from "../../../support/hand-clock.js";
import { cancelParameters, signedV1, signedV3, type Unsigned } from "../signed-requests.js";

interface Vectors {
  v1: { name: string; method: string; secret: string; params: Record<string, string>; signature: string }[];
  v3: {
    name: string;
    method: string;
    path: string;
    accessKeyId: string;
    secret: string;
    query: Record<string, string>;
    headers: Record<string, string>;
    signature: string;
  }[];
}
const vectors: Vectors = JSON.parse(
  readFileSync(new URL("../../../golden/signature-vectors.json", import.meta.url), "utf8"),
);

const key: AccessKey = { accessKeyId: "testid", accessKeySecret: "testsecret", securityToken: "" };
const MINUTE_MS = 60_000;

function newCheck(changes: Partial<AccessKey> = {}) {
  const clock = new HandClock();
  return { clock, epochMs: clock.wallNow(), check: signatureCheck({ ...key, ...changes }, clock) };
}

/** The code of the refusal; undefined if the request is believed. */
function codeOf(check: (request: ReceivedRequest) => unknown, request: ReceivedRequest): string | undefined {
  try {
    check(request);
    return undefined;
  } catch (error) {
    return (error as { code: string }).code;
  }
}

describe("signatureCheck", () => {
  it.each(vectors.v1)("believes the golden V1 request: $name", ({ method, secret, params, signature }) => {
    const clock = new HandClock({ wallMs: Date.parse(params["Timestamp"] ?? "") });
    const check = signatureCheck({ ...key, accessKeySecret: secret }, clock);
    const pairs = Object.entries({ ...params, Signature: signature });
    const [query, form] = method === "POST" ? [[], pairs] : [pairs, []];
    const call = check({ method, path: "/", query, form, headers: { host: "any" }, body: Buffer.alloc(0) });
    expect(call.action).toBe(params["Action"]);
    expect(Object.fromEntries(call.parameters)).toMatchObject(params);
  });

  it.each(vectors.v3)("believes the golden V3 request: $name", ({ method, path, accessKeyId, secret, ...vector }) => {
    const clock = new HandClock({ wallMs: Date.parse(vector.headers["x-acs-date"] ?? "") });
    const check = signatureCheck({ accessKeyId, accessKeySecret: secret, securityToken: "" }, clock);
    const signedHeaders = Object.keys(vector.headers).sort().join(";");
    const authorization = `ACS3-HMAC-SHA256 Credential=${accessKeyId},SignedHeaders=${signedHeaders},Signature=${vector.signature}`;
    const headers = { ...vector.headers, authorization };
    const call = check({ method, path, query: Object.entries(vector.query), form: [], headers, body: Buffer.alloc(0) });
    expect(call.action).toBe(vector.headers["x-acs-action"]);
    expect(Object.fromEntries(call.parameters)).toEqual(vector.query);
  });

  describe.each([
    { version: "V1", sign: signedV1 },
    { version: "V3", sign: signedV3 },
  ])("with $version", ({ sign }) => {
    const of = (epochMs: number, more: Partial<Unsigned> = {}) =>
      sign({ epochMs, query: cancelParameters("device-0000000"), ...more });

    it.each(["GET", "POST"] as const)("believes a %s with parameters in the query, a form, or both", (method) => {
      const { check, epochMs } = newCheck();
      const form = { "DeviceName.2": "dev:ice@2.x-y_z*(~)" };
      expect(codeOf(check, of(epochMs, { method }))).toBeUndefined();
      expect(codeOf(check, of(epochMs, { method, form, query: {} }))).toBeUndefined();
      expect(check(of(epochMs, { method, form })).parameters.get("DeviceName.2")).toBe("dev:ice@2.x-y_z*(~)");
    });

    it("refuses a wrong secret", () => {
      const { check, epochMs } = newCheck();
      expect(codeOf(check, of(epochMs, { accessKeySecret: "guess" }))).toBe("SignatureDoesNotMatch");
    });

    it("refuses a key that it does not know", () => {
      const { check, epochMs } = newCheck();
      expect(codeOf(check, of(epochMs, { accessKeyId: "other" }))).toBe("InvalidAccessKeyId.NotFound");
    });

    it("refuses a parameter that was changed after signing", () => {
      const { check, epochMs } = newCheck();
      const request = of(epochMs);
      const query = request.query.map(([name, value]) => [name, value.replace("0000000", "0000001")] as const);
      expect(codeOf(check, { ...request, query })).toBe("SignatureDoesNotMatch");
    });

    it("refuses a parameter that was added after signing", () => {
      const { check, epochMs } = newCheck();
      const request = of(epochMs);
      const query = [...request.query, ["DeviceName.2", "device-0000001"] as const];
      expect(codeOf(check, { ...request, query })).toBe("SignatureDoesNotMatch");
    });

    it("refuses a nonce for as long as its timestamp could be accepted", async () => {
      const { check, clock, epochMs } = newCheck();
      const early = of(epochMs + 15 * MINUTE_MS, { nonce: "once" });
      expect(codeOf(check, early)).toBeUndefined();
      expect(codeOf(check, early)).toBe("SignatureNonceUsed");
      await clock.advance(30 * MINUTE_MS);
      expect(codeOf(check, early)).toBe("SignatureNonceUsed");
      await clock.advance(1);
      expect(codeOf(check, early)).toBe("InvalidTimeStamp.Expired");
    });

    it("does not spend a nonce on a request that it refuses", () => {
      const { check, epochMs } = newCheck();
      expect(codeOf(check, of(epochMs, { nonce: "mine", accessKeySecret: "guess" }))).toBe("SignatureDoesNotMatch");
      expect(codeOf(check, of(epochMs, { nonce: "mine" }))).toBeUndefined();
    });

    it("takes a timestamp up to fifteen minutes away, in the past and in the future", () => {
      const { check, epochMs } = newCheck();
      for (const sign of [-1, 1]) {
        expect(codeOf(check, of(epochMs + sign * 15 * MINUTE_MS))).toBeUndefined();
        expect(codeOf(check, of(epochMs + sign * (15 * MINUTE_MS + 1000)))).toBe("InvalidTimeStamp.Expired");
      }
    });

    it("wants exactly the token of a temporary key", () => {
      const { check, epochMs } = newCheck({ securityToken: "sts" });
      expect(codeOf(check, of(epochMs, { securityToken: "sts" }))).toBeUndefined();
      expect(codeOf(check, of(epochMs))).toBe("MissingSecurityToken");
      expect(codeOf(check, of(epochMs, { securityToken: "old" }))).toBe("InvalidSecurityToken.MismatchWithAccessKey");
    });
  });

  it.each(["x-acs-security-token", "x-acs-anything", "content-type"])(
    "refuses a V3 request with unsigned %s",
    (name) => {
      const { check, epochMs } = newCheck();
      const request = signedV3({ epochMs });
      const headers = { ...request.headers, [name]: "text/plain" };
      expect(codeOf(check, { ...request, headers })).toBe("IncompleteSignature");
    },
  );

  it("refuses a V3 request to another port than was signed", () => {
    const { check, epochMs } = newCheck();
    const request = signedV3({ epochMs, host: "127.0.0.1:8088" });
    const headers = { ...request.headers, host: "127.0.0.1:8089" };
    expect(codeOf(check, { ...request, headers })).toBe("SignatureDoesNotMatch");
  });

  it("refuses a V3 body other than the one whose hash was signed", () => {
    const { check, epochMs } = newCheck();
    const request = signedV3({ epochMs });
    expect(request.headers["x-acs-content-sha256"]).toBe(EMPTY_BODY_SHA256);
    expect(codeOf(check, { ...request, body: Buffer.from("DeviceName.1=other") })).toBe("SignatureDoesNotMatch");
  });

  it("refuses a V3 signature over a header that is not there, whatever its name (was: an InternalError)", () => {
    const { check, epochMs } = newCheck();
    const request = signedV3({ epochMs });
    const authorization = request.headers.authorization?.replace("Headers=", "Headers=constructor;") ?? "";
    const headers = { ...request.headers, authorization };
    expect(codeOf(check, { ...request, headers })).toBe("SignatureDoesNotMatch");
  });

  it("refuses a V3 algorithm that it does not know", () => {
    const { check, epochMs } = newCheck();
    const request = signedV3({ epochMs });
    const authorization = request.headers.authorization?.replace("SHA256", "SM3") ?? "";
    const headers = { ...request.headers, authorization };
    expect(codeOf(check, { ...request, headers })).toBe("IncompleteSignature");
  });

  it("takes a request with x-acs-action but no ACS3 authorization for V1, as SDKs send both", () => {
    const { check, epochMs } = newCheck();
    const request = signedV1({ epochMs });
    const headers = { ...request.headers, "x-acs-action": "CancelOTATaskByDevice" };
    expect(codeOf(check, { ...request, headers })).toBeUndefined();
  });

  it("names the first parameter that a V1 request lacks", () => {
    const { check, epochMs } = newCheck();
    const request = signedV1({ epochMs });
    const without = (missing: string) => ({ ...request, query: request.query.filter(([name]) => name !== missing) });
    expect(codeOf(check, without("AccessKeyId"))).toBe("MissingAccessKeyId");
    expect(codeOf(check, without("SignatureNonce"))).toBe("MissingSignatureNonce");
  });

  it("refuses a V1 method or version that it does not know", () => {
    const { check, epochMs } = newCheck();
    const sha256 = signedV1({ epochMs, query: { SignatureMethod: "HMAC-SHA256" } });
    expect(codeOf(check, sha256)).toBe("InvalidSignatureMethod");
    expect(codeOf(check, signedV1({ epochMs, query: { SignatureVersion: "2.0" } }))).toBe("IncompleteSignature");
  });

  it.each(["x-acs-date", "x-acs-content-sha256"])("refuses a V3 request without %s", (name) => {
    const { check, epochMs } = newCheck();
    const request = signedV3({ epochMs });
    const { [name]: _, ...headers } = request.headers;
    expect(codeOf(check, { ...request, headers })).toBe("MissingParameter");
  });

  it("refuses a timestamp in another format", () => {
    const { check, epochMs } = newCheck();
    const request = signedV1({ epochMs, query: { Timestamp: "1 January 2026" } });
    expect(codeOf(check, request)).toBe("InvalidTimeStamp.Format");
  });
});
