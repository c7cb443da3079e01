// GetQuota over the real gRPC port, against the emulator.
import { credentials } from "@grpc/grpc-js";
import { describe, it, type TestContext } from "vitest";
import { readConfig } from "../../src/config/config.js";
import { DEFAULTS, type EmulatorOptions } from "../../src/emulator/options.js";
import { startEmulator } from "../../src/emulator/server.js";
import { seededName } from "../../src/emulator/state/seeded-name.js";
import { type GetQuotaResponse, Ledger, OtaServiceClient } from "../../src/gen/ota/v1/ota_service.js";
import { createLog } from "../../src/serve/logging/create-log.js";
import { serve } from "../../src/serve/serve.js";
import { createCaller } from "../support/grpc-caller.js";
import { failureOf } from "../support/grpc-failure.js";
import { KEYS, until, untilReady } from "../support/processes.js";

async function setUp({ onTestFinished }: TestContext, options: EmulatorOptions = {}, timeoutMs = 1000) {
  const emulator = await startEmulator({ listen: "127.0.0.1:0", ...options });
  const environment = {
    ...KEYS,
    OTA_LISTEN: "127.0.0.1:0",
    OTA_ADMIN_LISTEN: "127.0.0.1:0",
    OTA_UPSTREAM_URL: emulator.url,
    OTA_UPSTREAM_TIMEOUT_MS: String(timeoutMs),
    OTA_LOG_LEVEL: "silent",
  };
  const config = readConfig(environment);
  const gateway = await serve(config, createLog(config.logLevel), environment);
  const client = new OtaServiceClient(gateway.grpc, credentials.createInsecure());
  const caller = createCaller(gateway.grpc, { "x-ota-caller": "service-a" });
  onTestFinished(async () => {
    client.close();
    caller.close();
    await gateway.stop();
    await emulator.close();
  });
  const quota = (account = "") =>
    new Promise<GetQuotaResponse>((resolve, reject) => {
      client.getQuota({ account }, (error, answer) => (error ? reject(error) : resolve(answer)));
    });
  const cancel = (count: number, firmwareId = DEFAULTS.firmwareId) =>
    caller.cancel(
      Array.from({ length: count }, (_, n) => seededName(n)),
      { firmwareId },
    );
  return { quota, cancel, opened: () => untilReady(`http://${gateway.admin}`) };
}

describe.concurrent("GetQuota", () => {
  it("tells of a gateway that is opening", async (test) => {
    // It opens after the longest timeout of a call, which is longer than this test.
    const { quota } = await setUp(test, {}, 120_000);
    const opening = await quota();
    test.expect(opening).toMatchObject({
      account: "default",
      callsPerSecond: 10,
      tokensFree: 0,
      tokensCooling: 10,
      ledger: Ledger.OPENING,
    });
    test.expect(Number(opening.expectedWait?.seconds)).toBeGreaterThan(0);
  });

  it("tells of an idle gateway and a busy one, and costs no quota", async (test) => {
    const fault = { kind: "hang", applied: false } as const;
    const { quota, cancel, opened } = await setUp(test, { devices: 10, faults: () => fault });
    await opened();
    await until(async () => (await quota()).tokensFree === 10);
    for (let n = 0; n < 50; n++) await quota("default");
    test.expect(await quota()).toMatchObject({ tokensFree: 10, ledger: Ledger.IN_PROCESS, waitingDevices: 0n });
    const { leave } = cancel(3);
    await until(async () => (await quota()).tokensInFlight === 1);
    leave();
  });

  it("tells when the account is paused, and what is left to others", async (test) => {
    const faults: EmulatorOptions["faults"] = ({ number }) =>
      number === 1
        ? {
            kind: "error",
            shape: "gateway",
            status: 503,
            code: "Throttling.User",
            message: "",
            retryAfterMs: 60_000,
          }
        : undefined;
    const { quota, cancel, opened } = await setUp(test, { devices: 10, faults });
    await opened();
    const wallMs = Date.now();
    const { leave } = cancel(3);
    await until(async () => (await quota()).tokensWithheld === 1);
    const { pausedUntil, waitingDevices, waitingCallers, expectedWait } = await quota();
    test.expect(Number(pausedUntil?.seconds) * 1000).toBeGreaterThan(wallMs);
    test.expect([waitingDevices, waitingCallers]).toEqual([3n, 1]);
    test.expect(Number(expectedWait?.seconds)).toBeGreaterThan(1);
    leave();
    await until(async () => (await quota()).waitingDevices === 0n);
  });

  it("does not know accounts that are not configured", async (test) => {
    const { quota } = await setUp(test);
    test.expect(await failureOf(quota("nobody"))).toMatchObject({
      code: "INVALID_ARGUMENT",
      reason: "INVALID_REQUEST",
      violations: [{ field: "account", description: "is not configured" }],
    });
  });
});
