import { Metadata } from "@grpc/grpc-js";
import { describe, expect, it } from "vitest";
import { type Authentication, identify, type RpcHead } from "../../../../src/grpc/transport/caller.js";
import type { Identity } from "../../../../src/identity/identity.js";

function calling(...callers: string[]) {
  const metadata = new Metadata();
  for (const caller of callers) metadata.add("x-ota-caller", caller);
  return { metadata };
}

const caller = (name: string): Identity => ({ kind: "caller", name });

describe("identify, without authentication", () => {
  it.each(["service-a", "rollout.v2", "spiffe://cluster/ns/a", "team_1@example.com", "a", "n".repeat(128)])(
    "takes the name %s",
    (name) => {
      expect(identify(calling(name), undefined)).toEqual(caller(name));
    },
  );

  it.each(["", " ", "two words", "n".repeat(129), 'quo"te', "{json}", "a,b", "per%cent"])(
    "refuses the name %j (was: served as anonymous, without a word)",
    (name) => {
      expect(identify(calling(name), undefined)).toEqual({ kind: "stranger", why: "x-ota-caller is no caller name" });
    },
  );

  it("takes no name for nobody, and refuses several", () => {
    expect(identify(calling(), undefined)).toEqual(caller("anonymous"));
    expect(identify(calling("first", "second"), undefined)).toMatchObject({ kind: "stranger" });
  });
});

describe("identify, with authentication", () => {
  const certificate: Authentication["certificate"] = ({ metadata }) => textOf(metadata, "test-certificate");
  const bearer: Authentication["bearer"] = ([token]) =>
    token === undefined
      ? { kind: "stranger", why: "no credentials" }
      : token === "good"
        ? caller("of-token")
        : { kind: "stranger", why: "expired" };
  const later: Authentication["bearer"] = (tokens) => ({
    kind: "pending",
    verify: async () => bearer(tokens) as Identity,
  });

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
    ["neither", {}, { kind: "stranger", why: "no credentials" }],
    ["a token", { authorization: "good" }, caller("of-token")],
    ["a token that does not hold", { authorization: "bad" }, { kind: "stranger", why: "expired" }],
    ["a certificate", { "test-certificate": "of-certificate" }, caller("of-certificate")],
    ["both", { "test-certificate": "of-certificate", authorization: "good" }, caller("of-certificate")],
    [
      "a certificate and a token that does not hold",
      { "test-certificate": "of-certificate", authorization: "bad" },
      { kind: "stranger", why: "expired" },
    ],
  ])("with %s, the name that a caller gives itself counts for nothing", async (_, headers, identity) => {
    expect(identify(call(headers), { certificate, bearer })).toEqual(identity);
    const found = identify(call(headers), { certificate, bearer: later });
    expect(found.kind === "pending" ? await found.verify() : found).toEqual(identity);
  });

  it("knows nobody by tokens that it cannot check", () => {
    expect(identify(call({ authorization: "good" }), { certificate })).toEqual({
      kind: "stranger",
      why: "no credentials",
    });
    expect(identify(call({ "test-certificate": "a", authorization: "bad" }), { certificate })).toEqual(caller("a"));
  });
});
