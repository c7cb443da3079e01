import { describe, expect, it } from "vitest";
import type { Credentials, CredentialsSource } from "../../../src/upstream/credentials-source.js";
import { createMender } from "../../../src/upstream/signing-context.js";
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

describe("createMender", () => {
  it("learns the upstream's clock from an answer that found ours wrong", async () => {
    const mender = createMender(twoKeys(keys("a"), keys("a")), new HandClock({ wallMs }));
    const refused = await mender.standing();
    expect(refused.offsetMs).toBe(0);
    expect(await mender.mend("clock", refused, new Date(wallMs + HOUR_MS).toUTCString())).toBe(true);
    expect((await mender.standing()).offsetMs).toBe(HOUR_MS);
  });

  it("tells every request that was refused with the old offset that it is mended", async () => {
    const mender = createMender(twoKeys(keys("a"), keys("a")), new HandClock({ wallMs }));
    const [one, two] = [await mender.standing(), await mender.standing()];
    const date = new Date(wallMs + HOUR_MS).toUTCString();
    expect(await mender.mend("clock", one, date)).toBe(true);
    expect(await mender.mend("clock", two, date)).toBe(true);
  });

  it("does not claim a cure when the clocks agree, or the answer has no date", async () => {
    const mender = createMender(twoKeys(keys("a"), keys("a")), new HandClock({ wallMs }));
    const refused = await mender.standing();
    expect(await mender.mend("clock", refused, new Date(wallMs + 2_000).toUTCString())).toBe(false);
    expect(await mender.mend("clock", refused, "undefined")).toBe(false);
    expect((await mender.standing()).offsetMs).toBe(0);
  });

  it("does not claim a cure for who was refused with the very offset that it would learn", async () => {
    const mender = createMender(twoKeys(keys("a"), keys("a")), new HandClock({ wallMs }));
    const date = new Date(wallMs + HOUR_MS).toUTCString();
    await mender.mend("clock", await mender.standing(), date);
    expect(await mender.mend("clock", await mender.standing(), date)).toBe(false);
  });

  it("refreshes the keys that were refused, once for all who used them", async () => {
    const source = twoKeys(keys("a"), keys("b"));
    const mender = createMender(source, new HandClock());
    const [one, two] = [await mender.standing(), await mender.standing()];
    expect(await mender.mend("credentials", one, "")).toBe(true);
    expect(await mender.mend("credentials", two, "")).toBe(true);
    expect(source.refreshes).toBe(1);
    expect((await mender.standing()).credentials).toEqual(keys("b"));
  });

  it("does not claim a cure when the same keys come back", async () => {
    const mender = createMender(twoKeys(keys("a"), keys("a")), new HandClock());
    expect(await mender.mend("credentials", await mender.standing(), "")).toBe(false);
  });
});
