import { describe, expect, it } from "vitest";
import { KeySet, KeysAway } from "../../../src/identity/key-set.js";
import { FakeLog } from "../../support/fake-log.js";
import { HandClock, settle } from "../../support/hand-clock.js";
import { createIssuer, keySetOf } from "../../support/issuer.js";

const TOKEN = { payload: "", signature: "" };
const first = await createIssuer({ kid: "first" });
const second = await createIssuer({ kid: "second" });

function setUp() {
  const clock = new HandClock();
  const log = new FakeLog();
  const source = {
    freshMs: 600_000,
    reads: 0,
    text: keySetOf(first),
    away: false,
    read: async () => {
      source.reads++;
      if (source.away) throw new Error("ECONNREFUSED");
      return source.text;
    },
  };
  const keys = new KeySet({ source, clock, log });
  const find = (kid: string) => keys.find({ alg: "ES256", kid }, TOKEN);
  return { clock, log, source, keys, find };
}

describe("KeySet", () => {
  it("reads the keys once for concurrent askers, and again when they are old, while the old ones stay in use", async () => {
    const { clock, source, keys, find } = setUp();
    await Promise.all(Array.from({ length: 50 }, () => find("first")));
    expect(source.reads).toBe(1);
    await clock.advance(599_999);
    await find("first");
    expect(source.reads).toBe(1);
    await clock.advance(1);
    const generation = keys.generation();
    await settle();
    expect(source.reads).toBe(2);
    expect(keys.generation()).toBe(generation); // the same keys
    source.text = keySetOf(second);
    await keys.read();
    expect(keys.generation()).not.toBe(generation);
  });

  it("says what holds while they cannot be read: the last ones, or none (was: the last ones, where there were none)", async () => {
    const { log, source, keys } = setUp();
    source.away = true;
    await keys.read();
    source.away = false;
    await keys.read();
    source.away = true;
    await keys.read();
    expect(log.lines.map(({ message }) => message)).toEqual([
      "the keys of OTA_JWT_JWKS cannot be read; no token can be verified until they can",
      "the keys of OTA_JWT_JWKS can be read again",
      "the keys of OTA_JWT_JWKS cannot be read; the last keys stay valid for a day",
    ]);
  });

  it("tells how old they are, and keeps them new also while no tokens come", async () => {
    const { clock, source, keys } = setUp();
    await clock.advance(7000);
    expect(keys.ageMs()).toBe(7000); // never read: since it began
    await settle();
    expect(source.reads).toBe(1);
    expect(keys.ageMs()).toBe(0);
    await clock.advance(600_000);
    expect([source.reads, keys.ageMs()]).toEqual([2, 0]);
    source.away = true;
    await clock.advance(604_999);
    expect([source.reads, keys.ageMs()]).toEqual([3, 604_999]); // and again every five seconds
    await clock.advance(1);
    expect(source.reads).toBe(4);
  });

  it("accepts no token for a key that was withdrawn while nobody called (was: one, however long ago)", async () => {
    const { clock, source, keys, find } = setUp();
    await find("first");
    const before = keys.generation();
    source.text = keySetOf(second);
    await clock.advance(600_000);
    expect(keys.generation()).not.toBe(before);
    await expect(find("first")).rejects.toMatchObject({ code: "ERR_JWKS_NO_MATCHING_KEY" });
  });

  it("trusts keys for a day after they were read, however long it has run", async () => {
    const { clock, source, keys, find } = setUp();
    const dayMs = 24 * 3_600_000;
    await clock.advance(3 * dayMs);
    await find("first");
    source.away = true;
    await clock.advance(dayMs - 1);
    expect(keys.generation()).toBeDefined();
    await clock.advance(1);
    expect(keys.generation()).toBeUndefined();
  });

  it("does not ask the issuer again for a token that no key could be for", async () => {
    const { clock, source, keys, find } = setUp();
    await find("first");
    await clock.advance(10_000);
    await expect(keys.find({ alg: "HS256", kid: "first" }, TOKEN)).rejects.toThrow("Unsupported");
    expect(source.reads).toBe(1);
  });

  it("looks for a key that it does not know", async () => {
    const { clock, source, find } = setUp();
    await find("first");
    source.text = keySetOf(first, second);
    await clock.advance(10_000);
    await expect(find("second")).resolves.toMatchObject({ type: "public" });
    expect(source.reads).toBe(2);
  });

  it("asks the issuer once in ten seconds, however many made-up keys it is asked for", async () => {
    const { clock, source, find } = setUp();
    for (let second = 0; second < 60; second++) {
      const answers = Array.from({ length: 20 }, (_, n) => find(`made-up-${second}-${n}`).catch(({ code }) => code));
      expect(new Set(await Promise.all(answers))).toEqual(new Set(["ERR_JWKS_NO_MATCHING_KEY"]));
      await clock.advance(1000);
    }
    expect(source.reads).toBe(6);
  });

  it("asks an issuer that is away once in five seconds, and says when to come again", async () => {
    const { clock, log, source, find } = setUp();
    source.away = true;
    for (let second = 0; second < 20; second++) {
      await expect(find("first")).rejects.toBeInstanceOf(KeysAway);
      await clock.advance(1000);
    }
    expect(source.reads).toBe(4);
    expect(await find("first").catch(({ retryAfterMs }) => retryAfterMs)).toBe(5000);
    source.away = false;
    await clock.advance(5000);
    await find("first");
    expect(log.lines.map(({ level }) => level)).toEqual(["warn", "info"]); // not one for each time
  });

  it("goes on with the keys it has while the issuer is away, and does not call unknown what it cannot look up", async () => {
    const { clock, source, find } = setUp();
    await find("first");
    source.away = true;
    await clock.advance(3_600_000);
    await expect(find("first")).resolves.toMatchObject({ type: "public" });
    await expect(find("second")).rejects.toBeInstanceOf(KeysAway);
    await clock.advance(23 * 3_600_000);
    await expect(find("first")).rejects.toBeInstanceOf(KeysAway);
  });

  it.each([
    ["no JSON", "<html>"],
    ["no keys", '{"error": "busy"}'],
    ["private keys", JSON.stringify({ keys: [{ ...first.publicKey, d: "secret" }] })],
    ["shared secrets", '{"keys": [{"kty": "oct", "k": "c2VjcmV0"}]}'],
  ])("keeps the keys it has when it reads %s, and repeats nothing of it", async (_, text) => {
    const { source, keys, find, log } = setUp();
    await find("first");
    source.text = text;
    await keys.read();
    await expect(find("first")).resolves.toMatchObject({ type: "public" });
    const why = expect.stringMatching(/^(not a JWK Set|not JSON|contains)/);
    expect(log.lines.at(-1)?.fields).toEqual({ why });
    expect(JSON.stringify(log.lines)).not.toMatch(/html|busy|secret"|c2Vj/);
  });

  it("forgets keys that are withdrawn", async () => {
    const { source, keys, find } = setUp();
    await find("first");
    source.text = '{"keys": []}';
    await keys.read();
    await expect(find("first")).rejects.toMatchObject({ code: "ERR_JWKS_NO_MATCHING_KEY" });
  });
});
