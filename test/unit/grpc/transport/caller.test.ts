import { Metadata } from "@grpc/grpc-js";
import { describe, expect, it } from "vitest";
import { type Authentication, identify, type RpcHead } from "../../../../src/grpc/transport/caller.js";
import type { Identity } from "../../../../src/identity/identity.js";

function calling(...callers: string[]) {
  const metadata = new Metadata();
  for (const caller of callers) metadata.add("x-ota-caller", caller);
  return { metadata };
}

describe("identify, without authentication", () => {
  it.each(["service-a", "rollout.v2", "spiffe://cluster/ns/a", "team_1@example.com", "a", "n".repeat(128)])(
    "takes the name %s",
    (name) => {
      expect(identify(calling(name), undefined)).toBe(name);
    },
  );

  it.each(["", " ", "two words", "n".repeat(129), 'quo"te', "{json}", "a,b", "per%cent"])(
    "takes %j for nobody, since names go into logs and spans",
    (name) => {
      expect(identify(calling(name), undefined)).toBe("anonymous");
    },
  );

  it("takes no name for nobody, and the first of several", () => {
    expect(identify(calling(), undefined)).toBe("anonymous");
    expect(identify(calling("first", "second"), undefined)).toBe("first");
  });
});

describe("identify, with authentication", () => {
  const certificate: Authentication["certificate"] = ({ metadata }) => textOf(metadata, "test-certificate");
  const bearer: Authentication["bearer"] = ([token]) =>
    token === undefined ? { why: "no credentials" } : token === "good" ? "of-token" : { why: "expired" };
  const later: Authentication["bearer"] = (tokens) => async () => bearer(tokens) as Identity;

  function textOf(metadata: RpcHead["metadata"], key: string): string | undefined {
    const [value] = metadata.get(key);
    return typeof value === "string" ? value : undefined;
  }

  function call(headers: Record<string, string>) {
    const claimed = calling("claimed");
    for (const [key, value] of Object.entries(headers)) claimed.metadata.set(key, value);
    return claimed;
  }

  it.each([
    ["neither", {}, { why: "no credentials" }],
    ["a token", { authorization: "good" }, "of-token"],
    ["a token that does not hold", { authorization: "bad" }, { why: "expired" }],
    ["a certificate", { "test-certificate": "of-certificate" }, "of-certificate"],
    ["both", { "test-certificate": "of-certificate", authorization: "good" }, "of-certificate"],
    [
      "a certificate and a token that does not hold",
      { "test-certificate": "of-certificate", authorization: "bad" },
      { why: "expired" },
    ],
  ])("with %s, the name that a caller gives itself counts for nothing", async (_, headers, identity) => {
    expect(identify(call(headers), { certificate, bearer })).toEqual(identity);
    const verification = identify(call(headers), { certificate, bearer: later });
    expect(typeof verification === "function" ? await verification() : verification).toEqual(identity);
  });

  it("knows nobody by tokens that it cannot check", () => {
    expect(identify(call({ authorization: "good" }), { certificate })).toEqual({ why: "no credentials" });
    expect(identify(call({ "test-certificate": "a", authorization: "bad" }), { certificate })).toBe("a");
  });
});
