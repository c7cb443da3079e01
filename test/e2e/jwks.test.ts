// Where the keys come from that a real gateway verifies tokens with: new keys, made-up ones, and none.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { credentials, Metadata, type ServiceError, status } from "@grpc/grpc-js";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { DEFAULTS } from "../../src/emulator/options.js";
import { seededName } from "../../src/emulator/state/seeded-name.js";
import { OtaServiceClient, StreamCancelTasksByDeviceRequest } from "../../src/gen/ota/v1/ota_service.js";
import { bearing, visitorOf } from "../support/all-rpcs.js";
import { failureOf } from "../support/grpc-failure.js";
import { AUDIENCE, createIssuer, ISSUER, keySetOf } from "../support/issuer.js";
import { type KeyServer, startKeyServer } from "../support/key-server.js";
import { endPrograms, type GatewayProgram, KEYS, openEmulator, run, runGateway, until } from "../support/processes.js";

const KEYS_AT = { OTA_JWT_ISSUER: ISSUER, OTA_JWT_AUDIENCE: AUDIENCE };

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "jwks-"));
});
afterAll(() => rmSync(folder, { recursive: true }));

describe("OTA_JWT_JWKS", () => {
  let keyServer: KeyServer;
  afterEach(async () => {
    await endPrograms();
    await keyServer?.goAway();
  });

  async function start(variables: Readonly<Record<string, string>> = {}): Promise<GatewayProgram> {
    const { url } = await openEmulator({ devices: 50 });
    return runGateway(url, { ...KEYS_AT, ...variables });
  }
  const quota = (gateway: GatewayProgram, token: string) => {
    const visitor = visitorOf(gateway.grpc, bearing(token));
    return visitor.quota().finally(() => visitor.close());
  };

  it("follows new keys at an address, and does not let made-up ones flood it", async () => {
    const [old, next] = [await createIssuer({ kid: "old" }), await createIssuer({ kid: "next" })];
    keyServer = await startKeyServer(keySetOf(old));
    const gateway = await start({ OTA_JWT_JWKS: keyServer.url });
    await quota(gateway, await old.token());
    expect(keyServer.asked).toBe(1);
    const madeUp = await createIssuer({ kid: "made-up" });
    const startMs = performance.now();
    for (let n = 0; n < 200; n++) {
      const token = await madeUp.token({}, { kid: `made-up-${n}` });
      expect((await failureOf(quota(gateway, token))).code).toBe("UNAUTHENTICATED");
    }
    expect(keyServer.asked).toBeLessThanOrEqual(2 + (performance.now() - startMs) / 10_000);
    keyServer.publish(keySetOf(old, next));
    const token = await next.token();
    await until(() =>
      quota(gateway, token).then(
        () => true,
        () => false,
      ),
    );
    await quota(gateway, await old.token());
  });

  it("starts while the issuer is away, and says until then that it cannot tell", async () => {
    const issuer = await createIssuer();
    keyServer = await startKeyServer(keySetOf(issuer));
    await keyServer.goAway();
    const gateway = await start({ OTA_JWT_JWKS: keyServer.url });
    const token = await issuer.token();
    const failure = await failureOf(quota(gateway, token));
    expect(failure).toMatchObject({
      code: "UNAVAILABLE",
      reason: "UNAVAILABLE",
      message: "credentials cannot be checked at the moment",
    });
    expect(failure.retryAfterMs).toBeLessThanOrEqual(5000);
    expect((await failureOf(visitorOf(gateway.grpc, {}).quota())).code).toBe("UNAUTHENTICATED");
    await keyServer.comeBack();
    await until(() =>
      quota(gateway, token).then(
        () => true,
        () => false,
      ),
    );
    await keyServer.goAway();
    await quota(gateway, await issuer.token({ sub: "another" })); // with the keys that it has
  });

  it.each([
    ["its key has gone from the file", (path: string) => writeFileSync(path, keySetOf()), 3600],
    ["it expires", () => {}, 6],
  ] as const)("ends an open stream when a token that still worked stops doing so: %s", async (_, withdraw, lifeS) => {
    const issuer = await createIssuer();
    const path = join(folder, "withdrawn.json");
    writeFileSync(path, keySetOf(issuer));
    const gateway = await start({ OTA_JWT_JWKS: path });
    await gateway.opened();
    // Clocks may be half a minute apart, so a token is still accepted for that long.
    const exp = Math.floor(Date.now() / 1000) + lifeS - (lifeS < 60 ? 30 : 0);
    const stub = new OtaServiceClient(gateway.grpc, credentials.createInsecure());
    const metadata = new Metadata();
    metadata.set("authorization", `Bearer ${await issuer.token({ exp })}`);
    const stream = stub.streamCancelTasksByDevice(metadata);
    const ended = Promise.withResolvers<ServiceError>();
    stream.on("error", ended.resolve);
    let isOver = false;
    void ended.promise.then(() => {
      isOver = true;
    });
    let [sequence, answers] = [0n, 0];
    stream.on("data", ({ event }) => {
      if (event?.$case === "answer") answers++;
    });
    const { productKey, firmwareId } = DEFAULTS;
    const ask = () => {
      const request = { productKey, firmwareId, deviceNames: [seededName(1)], validateOnly: true };
      stream.write(StreamCancelTasksByDeviceRequest.fromPartial({ sequence: ++sequence, request }));
    };
    ask();
    await until(() => answers === 1);
    withdraw(path);
    await until(() => {
      if (!isOver) ask();
      return isOver;
    });
    expect((await ended.promise).code).toBe(status.UNAUTHENTICATED);
    stub.close();
  });

  it("rereads a file at SIGHUP, and keeps what it had if there is none any more", async () => {
    const [old, next] = [await createIssuer({ kid: "old" }), await createIssuer({ kid: "next" })];
    const path = join(folder, "rotated.json");
    writeFileSync(path, keySetOf(old));
    const gateway = await start({ OTA_JWT_JWKS: path });
    await quota(gateway, await old.token());
    writeFileSync(path, keySetOf(next));
    gateway.kill("SIGHUP");
    const token = await next.token();
    await until(() =>
      quota(gateway, token).then(
        () => true,
        () => false,
      ),
    );
    expect((await failureOf(quota(gateway, await old.token()))).code).toBe("UNAUTHENTICATED");
    writeFileSync(path, "{");
    gateway.kill("SIGHUP");
    await gateway.said(/"why":"not JSON; expected a JWK Set","msg":"the keys of OTA_JWT_JWKS cannot be read/);
    await quota(gateway, token);
  });

  it.each([
    ["a file that is not there", { OTA_JWT_JWKS: "/no/such/jwks.json" }, /OTA_JWT_JWKS: \/no\/such\/jwks.json: ENOENT/],
    ["plain http", { OTA_JWT_JWKS: "http://issuer.example/jwks" }, /OTA_JWT_JWKS: expected the path of a file, or an/],
    ["keys alone", { OTA_JWT_JWKS: "x", OTA_JWT_ISSUER: "" }, /OTA_JWT_ISSUER: is required/],
    ["no keys", { OTA_JWT_JWKS: "" }, /OTA_JWT_JWKS: is required/],
  ])("ends the start with 2 for %s", async (_, variables, message) => {
    const program = run(["serve"], { ...KEYS, ...KEYS_AT, ...variables });
    expect(await program.ended).toBe(2);
    expect(program.stderr).toMatch(message);
  });
});
