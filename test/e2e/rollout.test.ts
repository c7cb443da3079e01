// GetRollout over the real gRPC port, by the Node client and by the command, against the emulator.
import { writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { credentials, Metadata } from "@grpc/grpc-js";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Client, connect } from "../../src/client/client.js";
import { readConfig } from "../../src/config/config.js";
import { DEFAULTS } from "../../src/emulator/options.js";
import { type Emulator, startEmulator } from "../../src/emulator/server.js";
import { GetRolloutRequest, OtaServiceClient, type Rollout } from "../../src/gen/ota/v1/ota_service.js";
import { createLog } from "../../src/serve/logging/create-log.js";
import { type Serving, serve } from "../../src/serve/serve.js";
import { endPrograms, KEYS, run } from "../support/processes.js";

const { productKey, firmwareId } = DEFAULTS;
const CALLERS = `callers:\n  limited: { products: [a1Other], priorities: [BULK] }\n  "*": {}\n`;

let emulator: Emulator;
let gateway: Serving;
let client: Client;
let limited: Client;

beforeAll(async () => {
  emulator = await startEmulator({ listen: "127.0.0.1:0" });
  emulator.startRollout({ devices: 3000, states: { CONFIRM: 10, NOTIFIED: 200, IN_PROGRESS: 30, SUCCEEDED: 5 } });
  emulator.startRollout({ kind: "dynamic", devices: 40 });
  emulator.startRollout({ kind: "verify", devices: 4 });
  emulator.startRollout({ productKey: "a1Other", firmwareId: "OtherFirmware", devices: 7 });
  const path = join(tmpdir(), `rollout-${process.pid}.yaml`);
  writeFileSync(path, CALLERS);
  const environment = {
    ...KEYS,
    ...{ OTA_LISTEN: "127.0.0.1:0", OTA_ADMIN_LISTEN: "127.0.0.1:0", OTA_LOG_LEVEL: "silent" },
    ...{ OTA_UPSTREAM_URL: emulator.url, OTA_CONFIG: path },
  };
  const config = readConfig(environment);
  gateway = await serve(config, createLog(config.logLevel), environment);
  client = connect(gateway.grpc, { caller: "service-a" });
  limited = connect(gateway.grpc, { caller: "limited" });
});

afterAll(async () => {
  client.close();
  limited.close();
  await gateway.stop();
  await emulator.close();
  await endPrograms();
});

describe("GetRollout", () => {
  it("reads the batches of a package by the client, at the rate of each operation, and changes nothing", async () => {
    const before = emulator.rollouts();
    const { jobs, etag } = await client.rollout({ productKey, firmwareId });
    expect(jobs.map(({ kind, status }) => `${kind} ${status}`)).toEqual([
      "VERIFY IN_PROGRESS",
      "DYNAMIC IN_PROGRESS",
      "STATIC IN_PROGRESS",
      "STATIC COMPLETED",
    ]);
    expect(jobs[2]).toMatchObject({
      counts: { confirm: 10, queued: 2755, notified: 200, inProgress: 30, succeeded: 5, failed: 0, canceled: 0 },
      incomplete: "",
      createTime: expect.any(Date) as Date,
      countTime: expect.any(Date) as Date,
    });
    expect(etag).not.toBe("");
    expect(emulator.rollouts()).toEqual(before);
    const { operations } = emulator.stats();
    expect(operations["ListOTATaskByJob"]).toMatchObject({ arrivals: 24, refused: {} });
    expect(operations["ListOTATaskByJob"]?.worstSecond).toBeLessThanOrEqual(10);
    expect(Object.keys(operations).sort()).toEqual(["ListOTAJobByFirmware", "ListOTATaskByJob"]);
  });

  it("shows one batch, and none of another product or package", async () => {
    const [, , dynamic, , foreign] = emulator.rollouts();
    const { jobs } = await client.rollout({ productKey, firmwareId, jobId: dynamic?.jobId ?? "" });
    expect(jobs).toMatchObject([{ kind: "DYNAMIC", counts: { queued: 40 } }]);
    const other = client.rollout({ productKey, firmwareId, jobId: foreign?.jobId ?? "" });
    await expect(other).rejects.toMatchObject({ code: "NOT_FOUND" });
    const unknown = client.rollout({ productKey, firmwareId: "NoSuchFirmware" });
    await expect(unknown).rejects.toMatchObject({ code: "NOT_FOUND", upstreamCode: "iot.ota.FirmwareNotFound" });
  });

  it("requires the right to the product, and no priority", async () => {
    await expect(limited.rollout({ productKey, firmwareId })).rejects.toMatchObject({ code: "PERMISSION_DENIED" });
    const { jobs } = await limited.rollout({ productKey: "a1Other", firmwareId: "OtherFirmware" });
    expect(jobs).toMatchObject([{ counts: { queued: 7 } }]);
  });

  it("names everything that is wrong with a request", async () => {
    const nothing = client.rollout({ productKey: "", firmwareId: "a b", account: "none" });
    const fields = ["product_key", "firmware_id", "account"];
    await expect(nothing).rejects.toMatchObject({ violations: fields.map((field) => ({ field })) });
  });

  it("answers before its deadline with what is known", async () => {
    const stub = new OtaServiceClient(gateway.grpc, credentials.createInsecure());
    const metadata = new Metadata();
    metadata.set("grpc-timeout", "1200m"); // the gateway's to keep: a busy machine may read its answer late
    const question = GetRolloutRequest.fromPartial({ productKey, firmwareId, iotInstanceId: "another-reading" });
    const { jobs } = await new Promise<Rollout>((resolve, reject) => {
      stub.getRollout(question, metadata, (error, rollout) => (error ? reject(error) : resolve(rollout)));
    });
    stub.close();
    expect(jobs[2]?.incomplete).toContain("not counted yet");
  });

  it("is printed by the command", async () => {
    const flags = ["--address", gateway.grpc, "--product-key", "a1Other", "--firmware-id", "OtherFirmware"];
    const printed = run(["rollout", ...flags]);
    expect(await printed.ended).toBe(0);
    expect(printed.stdout).toContain("open 7: 7 queued");
    const json = run(["rollout", ...flags, "--json"]);
    expect(await json.ended).toBe(0);
    expect(JSON.parse(json.stdout)).toMatchObject({ jobs: [{ kind: "STATIC" }] });
    const refused = run(["rollout", ...flags.slice(0, 4), "--firmware-id", "None"]);
    expect(await refused.ended).toBe(1);
    expect(refused.stderr).toContain("Is --firmware-id right");
  });
});
