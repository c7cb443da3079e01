import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { systemClock } from "../../../src/base/clock.js";
import { createCredentials, fileCredentials, prefixedCredentials } from "../../../src/upstream/credentials.js";
import { NoCredentials } from "../../../src/upstream/credentials-source.js";
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

  it("says of an empty variable that it is empty", async () => {
    const env = { ...KEYS, ALIBABA_CLOUD_ACCESS_KEY_SECRET: " \n" };
    const source = createCredentials({ clock: new HandClock(), env });
    await expect(source.get()).rejects.toThrow("but ALIBABA_CLOUD_ACCESS_KEY_SECRET is empty; set both.");
  });

  it.each([
    ["an invisible character", "LTAI\u200bSECRET", "U+200B at 5"],
    ["a blank", "LTAI SECRET", "U+0020 at 5"],
    ["quotes", "'LTAISECRET'", "U+0027 at 1"],
    ["a line end", "LTAI\nSECRET", "U+000A at 5"],
    ["a letter that is none of theirs", "LTA\u0406SECRET", "U+0406 at 4"],
  ])(
    "refuses keys with %s, naming the variable and the place (was: every call failed, of an unknown cause)",
    async (_, key, place) => {
      for (const variable of [...Object.keys(KEYS), "ALIBABA_CLOUD_SECURITY_TOKEN"]) {
        const env = { ...KEYS, [variable]: key };
        const wrong = `${variable} must be visible ASCII without blanks and quotes, has ${place}; copy the key again.`;
        await expect(createCredentials({ clock: new HandClock(), env }).get()).rejects.toThrow(
          new NoCredentials(wrong),
        );
        const prefixed = Object.fromEntries(Object.entries(env).map(([name, value]) => [`EU_${name}`, value]));
        await expect(prefixedCredentials(prefixed, "EU_").get()).rejects.toThrow(new NoCredentials(`EU_${wrong}`));
      }
    },
  );

  it("takes keys with blanks and line ends around them, as files and shells leave them", async () => {
    const env = { ...KEYS, ALIBABA_CLOUD_ACCESS_KEY_ID: " envid\r\n" };
    expect(await createCredentials({ clock: new HandClock(), env }).get()).toMatchObject({ accessKeyId: "envid" });
  });

  /** The file of ALIBABA_CLOUD_CREDENTIALS_FILE, with these lines. */
  function profile(...lines: string[]): void {
    const path = join(mkdtempSync(join(tmpdir(), "ota-")), "credentials");
    writeFileSync(path, ["[default]", ...lines, ""].join("\n"));
    vi.stubEnv("ALIBABA_CLOUD_CREDENTIALS_FILE", path);
  }

  it("checks what the vendor's chain finds, and says where that was", async () => {
    profile("type = access_key", "access_key_id = LTAI\u200bSECRET", "access_key_secret = s");
    await expect(sourceOfChain().get()).rejects.toThrow(
      /^the access key id in the file of ALIBABA_CLOUD_CREDENTIALS_FILE .* has U\+200B at 5;/,
    );
  });

  it("says why a profile cannot be used (was: that none was found)", async () => {
    profile("type = access_key", "access_key_id = SECRET");
    const error = await sourceOfChain().get().catch(String);
    expect(error).toContain("The vendor's chain of providers failed: a profile has no access key secret.");
    expect(String(error).replaceAll("ACCESS_KEY_SECRET", "")).not.toContain("SECRET");
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
    expect(String(error)).toContain("the service of temporary keys answered HTTP 500");
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
    expect(await failed).toMatchObject({
      name: "NoCredentials",
      message: expect.stringContaining("did not answer in time"),
    });
    answer = true;
    expect(await source.get()).toMatchObject({ accessKeyId: "i" });
    await settle();
  });
});

describe("fileCredentials", () => {
  const files = (contents: Readonly<Record<string, string>>) => {
    const directory = mkdtempSync(join(tmpdir(), "ota-"));
    for (const [name, text] of Object.entries(contents)) writeFileSync(join(directory, name), text);
    return { directory, source: fileCredentials(directory) };
  };

  it("takes the keys without the line end of their files, with a token if there is one", async () => {
    const keys = { "access-key-id": "id\n", "access-key-secret": "\ufeffsecret\r\n" };
    expect(await files(keys).source.get()).toEqual({ accessKeyId: "id", accessKeySecret: "secret" });
    const temporary = { ...keys, "security-token": "token\n" };
    expect(await files(temporary).source.get()).toMatchObject({ securityToken: "token" });
  });

  it.each([
    ["access-key-id", "LTAI\u200bSECRET"],
    ["access-key-secret", "LTAI\u00a0SECRET"],
    ["security-token", "LTAI\nSECRET"],
  ])("names the file %s and the place of what cannot be a key", async (name, key) => {
    const { directory, source } = files({ "access-key-id": "id", "access-key-secret": "secret", [name]: key });
    const error = await source.get().catch(String);
    expect(error).toMatch(`${join(directory, name)} must be visible ASCII`);
    expect(error).toMatch(/has U\+[0-9A-F]{4} at 5; copy the key again\.$/);
    expect(error).not.toContain("SECRET");
  });

  it("names the file that is empty or missing", async () => {
    const empty = files({ "access-key-id": "id", "access-key-secret": "\n" });
    await expect(empty.source.get()).rejects.toThrow(`${join(empty.directory, "access-key-secret")} is empty`);
    const missing = files({ "access-key-secret": "secret" });
    await expect(missing.source.get()).rejects.toThrow(
      `${join(missing.directory, "access-key-id")} cannot be read (ENOENT)`,
    );
  });
});
