import { describe, expect, it } from "vitest";
import type { Credentials, CredentialsSource } from "../../../src/upstream/credentials-source.js";
import { createSigningContext } from "../../../src/upstream/signing-context.js";
import { HandClock } from "../../support/hand-clock.js";

const keys = (id: string): Credentials => ({ accessKeyId: id, accessKeySecret: "s" });

/** Gives `first` until it is refreshed, then `second`. */
function twoKeys(first: Credentials, second: Credentials) {
  let current = first;
  const source = {
    refreshes: 0,
    get: async () => current,
    refresh: async () => {
      source.refreshes++;
      current = second;
      return current;
    },
  };
  return source satisfies CredentialsSource;
}

const HOUR_MS = 3_600_000;
const wallMs = Date.UTC(2026, 0, 1);

describe("createSigningContext", () => {
  it("learns the upstream's clock from an answer that found ours wrong", async () => {
    const signing = createSigningContext(twoKeys(keys("a"), keys("a")), new HandClock({ wallMs }));
    const refused = await signing.signedWith();
    expect(refused.offsetMs).toBe(0);
    expect(await signing.recover("clock", refused, new Date(wallMs + HOUR_MS).toUTCString())).toBe(true);
    expect((await signing.signedWith()).offsetMs).toBe(HOUR_MS);
  });

  it("tells every request that was refused with the old offset that it is recovered", async () => {
    const signing = createSigningContext(twoKeys(keys("a"), keys("a")), new HandClock({ wallMs }));
    const [one, two] = [await signing.signedWith(), await signing.signedWith()];
    const date = new Date(wallMs + HOUR_MS).toUTCString();
    expect(await signing.recover("clock", one, date)).toBe(true);
    expect(await signing.recover("clock", two, date)).toBe(true);
  });

  it("does not claim a cure when the clocks agree, or the answer has no date", async () => {
    const signing = createSigningContext(twoKeys(keys("a"), keys("a")), new HandClock({ wallMs }));
    const refused = await signing.signedWith();
    expect(await signing.recover("clock", refused, new Date(wallMs + 2_000).toUTCString())).toBe(false);
    expect(await signing.recover("clock", refused, "undefined")).toBe(false);
    expect((await signing.signedWith()).offsetMs).toBe(0);
  });

  it("does not claim a cure for who was refused with the very offset that it would learn", async () => {
    const signing = createSigningContext(twoKeys(keys("a"), keys("a")), new HandClock({ wallMs }));
    const date = new Date(wallMs + HOUR_MS).toUTCString();
    await signing.recover("clock", await signing.signedWith(), date);
    expect(await signing.recover("clock", await signing.signedWith(), date)).toBe(false);
  });

  it("refreshes the keys that were refused, once for all who used them", async () => {
    const source = twoKeys(keys("a"), keys("b"));
    const signing = createSigningContext(source, new HandClock());
    const [one, two] = [await signing.signedWith(), await signing.signedWith()];
    expect(await signing.recover("credentials", one, "")).toBe(true);
    expect(await signing.recover("credentials", two, "")).toBe(true);
    expect(source.refreshes).toBe(1);
    expect((await signing.signedWith()).credentials).toEqual(keys("b"));
  });

  it("does not claim a cure when the same keys come back", async () => {
    const signing = createSigningContext(twoKeys(keys("a"), keys("a")), new HandClock());
    expect(await signing.recover("credentials", await signing.signedWith(), "")).toBe(false);
  });
});
