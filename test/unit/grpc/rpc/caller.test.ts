import { Metadata } from "@grpc/grpc-js";
import { describe, expect, it } from "vitest";
import { type Authentication, answerByMs, identify } from "../../../../src/grpc/rpc/caller.js";
import type { Identity } from "../../../../src/identity/identity.js";
import { HandClock } from "../../../support/hand-clock.js";

function calling(...callers: string[]) {
  const metadata = new Metadata();
  for (const caller of callers) metadata.add("x-ota-caller", caller);
  return { metadata, getPeer: () => "127.0.0.1:40000" };
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

  function textOf(metadata: Metadata, key: string): string | undefined {
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

describe("answerByMs", () => {
  const clock = new HandClock({ nowMs: 5000 });
  const answerAfterMs = (deadline: number | Date, defaultMs = 60_000) => answerByMs(deadline, defaultMs, clock) - 5000;
  const inMs = (ms: number) => clock.wallNow() + ms;

  it.each([
    [60_000, 59_800],
    [1000, 800],
    [800, 600],
    [400, 300],
    [100, 75],
  ])(
    "answers a deadline of %d ms after %d ms: 200 ms before it, or a quarter if that is less",
    (deadlineMs, answerMs) => {
      expect(answerAfterMs(inMs(deadlineMs))).toBe(answerMs);
      expect(answerAfterMs(new Date(inMs(deadlineMs)))).toBe(answerMs);
    },
  );

  it("answers at once when the deadline has passed already", () => {
    expect(answerAfterMs(inMs(-1))).toBe(0);
    expect(answerAfterMs(inMs(0))).toBe(0);
  });

  it("takes the default, with its margin, when there is no deadline", () => {
    expect(answerAfterMs(Infinity)).toBe(59_800);
    expect(answerAfterMs(Infinity, 400)).toBe(300);
  });

  it("goes by the monotonic clock from then on, wherever the wall clock stands", () => {
    const stepped = new HandClock({ nowMs: 5000, wallMs: 0 });
    expect(answerByMs(1000, 60_000, stepped)).toBe(5800);
  });
});
