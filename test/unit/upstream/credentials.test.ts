import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { systemClock } from "../../../src/base/clock.js";
import { createCredentials } from "../../../src/upstream/credentials.js";
import { HandClock, settle } from "../../support/hand-clock.js";
import { listenHttp } from "./local-server.js";

const KEYS = { ALIBABA_CLOUD_ACCESS_KEY_ID: "envid", ALIBABA_CLOUD_ACCESS_KEY_SECRET: "envsecret" };
const HOUR_MS = 3_600_000;

// The vendor's chain reads the process' environment: here it must find nothing but what a test gives it.
beforeEach(() => {
  for (const name of Object.keys(process.env)) if (name.startsWith("ALIBABA_CLOUD_")) vi.stubEnv(name, undefined);
  vi.stubEnv("ALIBABA_CLOUD_ECS_METADATA_DISABLED", "true");
  vi.stubEnv("HOME", mkdtempSync(join(tmpdir(), "ota-")));
  return () => vi.unstubAllEnvs();
});

/** A service that gives out keys, the nth valid for `validMs(nth)`; `undefined` makes it fail. */
async function keyService(validMs: (nth: number) => number | undefined) {
  const service = { asked: 0 };
  const port = await listenHttp((_incoming, response) => {
    const nth = ++service.asked;
    const ms = validMs(nth);
    if (ms === undefined) return response.writeHead(500).end("AccessKeySecret=leaked");
    const Expiration = `${new Date(Date.now() + ms).toISOString().slice(0, 19)}Z`;
    const body = { AccessKeyId: `id${nth}`, AccessKeySecret: "leaked", SecurityToken: `token${nth}`, Expiration };
    return response.end(JSON.stringify(body));
  });
  vi.stubEnv("ALIBABA_CLOUD_CREDENTIALS_URI", `http://127.0.0.1:${port}/keys`);
  return service;
}

const sourceOfChain = () => createCredentials({ clock: systemClock, env: {} });

describe("createCredentials", () => {
  it("takes the environment's keys, and reads them anew each time", async () => {
    const env: Record<string, string> = { ...KEYS };
    const source = createCredentials({ clock: new HandClock(), env });
    expect(await source.get()).toEqual({ accessKeyId: "envid", accessKeySecret: "envsecret" });
    env["ALIBABA_CLOUD_SECURITY_TOKEN"] = "token";
    expect(await source.get()).toEqual({ accessKeyId: "envid", accessKeySecret: "envsecret", securityToken: "token" });
    expect(await source.refresh()).toMatchObject({ securityToken: "token" });
  });

  it("takes half a pair for a mistake, and says which half is missing", async () => {
    const source = createCredentials({ clock: new HandClock(), env: { ALIBABA_CLOUD_ACCESS_KEY_ID: "envid" } });
    await expect(source.get()).rejects.toThrow(
      "ALIBABA_CLOUD_ACCESS_KEY_ID is set, but ALIBABA_CLOUD_ACCESS_KEY_SECRET is not; set both.",
    );
  });

  it("asks once for all who ask at the same time", async () => {
    const service = await keyService(() => HOUR_MS);
    const source = sourceOfChain();
    const found = await Promise.all([1, 2, 3, 4, 5].map(() => source.get()));
    expect(new Set(found.map(({ accessKeyId }) => accessKeyId))).toEqual(new Set(["id1"]));
    expect(await source.get()).toEqual({ accessKeyId: "id1", accessKeySecret: "leaked", securityToken: "token1" });
    expect(service.asked).toBe(1);
  });

  it("recovers from a failure, whose error holds nothing of what was said", async () => {
    await keyService((nth) => (nth === 1 ? undefined : HOUR_MS));
    const source = sourceOfChain();
    const error: unknown = await source.get().catch((reason: unknown) => reason);
    expect(error).toMatchObject({
      name: "NoCredentials",
      message: expect.stringContaining("ALIBABA_CLOUD_ACCESS_KEY_ID"),
    });
    expect(error).not.toHaveProperty("cause");
    expect(String(error)).not.toMatch(/leaked|127\.0\.0\.1/);
    expect(await source.get()).toMatchObject({ accessKeyId: "id2" });
  });

  it("finds keys that appear in the environment after a failure", async () => {
    const env: Record<string, string> = {};
    const source = createCredentials({ clock: systemClock, env });
    await expect(source.get()).rejects.toThrow("No Alibaba Cloud credentials were found.");
    Object.assign(env, KEYS);
    expect(await source.get()).toMatchObject({ accessKeyId: "envid" });
  });

  it("asks again, once, for keys that are about to expire", async () => {
    const service = await keyService((nth) => (nth === 1 ? 60_000 : HOUR_MS));
    const source = sourceOfChain();
    await source.get();
    const found = await Promise.all([source.get(), source.get()]);
    expect(found.map(({ accessKeyId }) => accessKeyId)).toEqual(["id2", "id2"]);
    await source.get();
    expect(service.asked).toBe(2);
  });

  it("refreshes keys that are not about to expire, once for all who ask", async () => {
    const service = await keyService(() => HOUR_MS);
    const source = sourceOfChain();
    await source.get();
    const found = await Promise.all([source.refresh(), source.refresh(), source.get()]);
    expect(found.map(({ accessKeyId }) => accessKeyId)).toEqual(["id2", "id2", "id2"]);
    expect(service.asked).toBe(2);
  });

  it("gives up in time when a provider hangs, and asks another time", async () => {
    const asked = Promise.withResolvers<void>();
    let answer = false;
    const port = await listenHttp((_incoming, response) => {
      asked.resolve();
      if (answer)
        response.end(
          JSON.stringify({
            AccessKeyId: "i",
            AccessKeySecret: "s",
            SecurityToken: "t",
            Expiration: "2099-01-01T00:00:00Z",
          }),
        );
    });
    vi.stubEnv("ALIBABA_CLOUD_CREDENTIALS_URI", `http://127.0.0.1:${port}/keys`);
    const clock = new HandClock();
    const source = createCredentials({ clock, env: {}, timeoutMs: 5_000 });
    const failed = source.get().catch((error: unknown) => error);
    await asked.promise;
    await clock.advance(5_000);
    expect(await failed).toMatchObject({ name: "NoCredentials" });
    answer = true;
    expect(await source.get()).toMatchObject({ accessKeyId: "i" });
    await settle();
  });
});
