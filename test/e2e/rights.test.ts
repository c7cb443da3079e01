// What callers of a real gateway may touch, as its file says, and how that changes while it runs.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { credentials, Metadata } from "@grpc/grpc-js";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { DEFAULTS } from "../../src/emulator/options.js";
import { seededName } from "../../src/emulator/state/seeded-name.js";
import {
  OtaServiceClient,
  StreamCancelTasksByDeviceRequest,
  type StreamCancelTasksByDeviceResponse,
} from "../../src/gen/ota/v1/ota_service.js";
import { failuresOfAllRpcs, visitorOf } from "../support/all-rpcs.js";
import { failureOf } from "../support/grpc-failure.js";
import { endPrograms, type GatewayProgram, openEmulator, runGateway } from "../support/processes.js";

const { productKey, firmwareId } = DEFAULTS;
const ACCOUNTS = `accounts:\n  default: {}\n  lab: {}\n`;

let folder: string;
let path: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "rights-"));
  path = join(folder, "gateway.yaml");
});
afterEach(async () => {
  await endPrograms();
  rmSync(folder, { recursive: true });
});

async function start(callers: string, variables: Readonly<Record<string, string>> = {}): Promise<GatewayProgram> {
  writeFileSync(path, ACCOUNTS + callers);
  const { url } = await openEmulator({ devices: 50 });
  const gateway = await runGateway(url, { OTA_CONFIG: path, ...variables });
  await gateway.opened();
  return gateway;
}

const as = (gateway: GatewayProgram, caller: string) => visitorOf(gateway.grpc, { "x-ota-caller": caller });

describe("callers in OTA_CONFIG", () => {
  it("limit what each may touch, and answer for what there is not as for what is not theirs", async () => {
    const gateway = await start(`callers:
  ops: {}
  lab-tests: { accounts: [lab], products: ["a1Lab*"], priorities: [BULK], verify: false }
  small: { max_queued_devices: 1 }
`);
    expect((await as(gateway, "ops").cancel()).success).toBe(true);

    const { cancel, quota, stream } = as(gateway, "lab-tests");
    const forbidden = (fields: string) => ({
      code: "PERMISSION_DENIED",
      reason: "FORBIDDEN",
      message: `this caller has no right to this ${fields}`,
    });
    const ours = { account: "lab", productKey: "a1LabLights", priority: 1, validateOnly: true } as const;
    expect((await cancel(ours)).plan?.calls).toBe(1);
    const others = await failureOf(cancel({ ...ours, account: "default" }));
    expect(others).toMatchObject(forbidden("account"));
    expect(await failureOf(cancel({ ...ours, account: "no-such-account" }))).toEqual(others);
    const product = await failureOf(cancel({ ...ours, productKey }));
    expect(product).toMatchObject(forbidden("product_key"));
    expect(await failureOf(cancel({ ...ours, productKey: "no such\nproduct" }))).toEqual(product);
    // Other mistakes in the request are not reported.
    const all = { account: "default", productKey: "", firmwareId: "", priority: 3, verify: true } as const;
    expect(await failureOf(cancel(all))).toMatchObject({
      ...forbidden("account, product_key, priority, verify"),
      violations: [],
    });
    expect(await failureOf(quota())).toEqual(others);
    expect(await failureOf(quota("no-such-account"))).toEqual(others);
    expect((await quota("lab")).account).toBe("lab");
    await stream();

    const stranger = as(gateway, "stranger");
    const nowhere = () => stranger.cancel({ account: "no-such-account", productKey: "" });
    for (const ask of [stranger.cancel, nowhere, stranger.quota, stranger.stream]) {
      expect(await failureOf(ask())).toMatchObject({
        code: "PERMISSION_DENIED",
        message: "this caller has no rights here",
      });
    }
    for (const [path, failure] of await failuresOfAllRpcs(gateway.grpc, { "x-ota-caller": "stranger" })) {
      expect(failure, path).toMatchObject({ reason: "FORBIDDEN", message: "this caller has no rights here" });
    }
    const { violations } = await failureOf(
      visitorOf(gateway.grpc, { "x-ota-caller": "small" }).cancel({ deviceNames: [seededName(1), seededName(2)] }),
    );
    expect(violations).toEqual([
      { field: "device_names", description: "has 2 names, more than may be queued (limit 1); send fewer" },
    ]);
  });

  it("are read again at SIGHUP, as a whole or not at all, and apply to open streams too", async () => {
    const audit = join(folder, "audit.jsonl");
    const gateway = await start("callers: { ops: {}, old: {} }\n", { OTA_AUDIT_LOG: audit });
    const metadata = new Metadata();
    metadata.set("x-ota-caller", "old");
    const stub = new OtaServiceClient(gateway.grpc, credentials.createInsecure());
    const call = stub.streamCancelTasksByDevice(metadata);
    const answers: (() => void)[] = [];
    const received: StreamCancelTasksByDeviceResponse[] = [];
    call.on("data", (response: StreamCancelTasksByDeviceResponse) => {
      if (response.event?.$case === "answer") received.push(response);
      if (response.event?.$case === "answer") answers.shift()?.();
    });
    const ask = (sequence: bigint) =>
      new Promise<void>((resolve) => {
        answers.push(resolve);
        const request = { productKey, firmwareId, deviceNames: [seededName(0)] };
        call.write(StreamCancelTasksByDeviceRequest.fromPartial({ sequence, request }));
      });
    await ask(1n);

    writeFileSync(path, `${ACCOUNTS}callers: { ops: {}, new: { wieght: 2, products: 7 } }\n`);
    gateway.kill("SIGHUP");
    await gateway.said(/OTA_CONFIG has mistakes; the callers' rights stay as they are/);
    expect(gateway.stderr).toMatch(/callers\.new\.wieght: expected.*callers\.new\.products: expected/);
    await as(gateway, "old").quota();
    expect((await failureOf(as(gateway, "new").quota())).code).toBe("PERMISSION_DENIED");

    writeFileSync(path, ACCOUNTS); // as if it was just being written
    gateway.kill("SIGHUP");
    await gateway.said(/callers: expected at least one/);
    expect((await failureOf(as(gateway, "new").quota())).code).toBe("PERMISSION_DENIED");

    writeFileSync(path, `${ACCOUNTS}  more: {}\ncallers: { ops: {}, new: { weight: 3 } }\n`);
    gateway.kill("SIGHUP");
    await gateway.said(/"callers":2,"msg":"the callers' rights have been read from OTA_CONFIG"/);
    await gateway.said(/the accounts in OTA_CONFIG have changed; restart to apply that/);
    expect((await as(gateway, "new").cancel()).success).toBe(true);
    expect((await failureOf(as(gateway, "old").quota())).code).toBe("PERMISSION_DENIED");
    await ask(2n);
    call.end();
    stub.close();
    expect(received.map(({ event }) => event?.$case === "answer" && event.answer.result?.$case)).toEqual([
      "response",
      "error",
    ]);

    const page = await (await fetch(`${gateway.admin}/metrics`)).text();
    expect(page).toMatch(/ota_devices_total\{[^}]*ota_caller="new"[^}]*\} 1/);
    gateway.kill("SIGTERM");
    await gateway.ended;
    const lines = readFileSync(audit, "utf8").split("\n");
    expect(JSON.parse(lines.find((line) => line.includes('"sequence":"2"')) ?? "")).toMatchObject({
      caller: "old",
      outcome: "refused",
      error: "forbidden",
      why: "this caller has no rights here",
    });
  });
});
