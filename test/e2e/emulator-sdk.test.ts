// The vendor's own clients are the judges: what they send must be taken, what comes back understood.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import type Iot from "@alicloud/iot20180120";
import RPCClient from "@alicloud/pop-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Emulator, startEmulator } from "../../src/emulator/server.js";
import { seededName } from "../../src/emulator/state/seeded-name.js";

// Not by import: vitest and Node disagree about the default export of a CommonJS module that has one itself.
const iot: typeof Iot = createRequire(import.meta.url)("@alicloud/iot20180120");
type SdkConfig = ConstructorParameters<typeof Iot.default>[0];

const golden: { apis: { CancelOTATaskByDevice: { response: { "200": { schema: { properties: object } } } } } } =
  JSON.parse(readFileSync(new URL("../golden/iot-2018-01-20.json", import.meta.url), "utf8"));
const documentedFields = Object.keys(golden.apis.CancelOTATaskByDevice.response["200"].schema.properties);
const scope = { productKey: "a1EmulatorPk", firmwareId: "EmulatedFirmware0000030100" };
/** Names that strain the encoding: 200 of 32 characters make an address of 9 KB. */
const names = (first: number, count = 200) => Array.from({ length: count }, (_, i) => seededName(first + i, 32));

describe("startEmulator, driven by the vendor's SDKs", () => {
  let emulator: Emulator;
  beforeAll(async () => {
    emulator = await startEmulator({ listen: "127.0.0.1:0", devices: 2000, nameLength: 32, quota: 1000 });
  });
  afterAll(() => emulator.close());

  const sdk = (more: Record<string, string> = {}) =>
    new iot.default({
      accessKeyId: "testid",
      accessKeySecret: "testsecret",
      regionId: "cn-shanghai",
      endpoint: `127.0.0.1:${emulator.port}`,
      protocol: "http",
      ...more,
      // The class of the configuration lives in a package of its own; its fields are all that counts.
    } as unknown as SdkConfig);
  const popCore = (accessKeySecret = "testsecret") =>
    new RPCClient({ endpoint: emulator.url, apiVersion: "2018-01-20", accessKeyId: "testid", accessKeySecret });

  const popParameters = (deviceNames: string[]) => ({
    ProductKey: scope.productKey,
    FirmwareId: scope.firmwareId,
    DeviceName: deviceNames,
  });

  it.each([
    { signature: "V3", more: {}, first: 0 },
    { signature: "V1", more: { signatureAlgorithm: "v2" }, first: 200 },
  ])("cancels 200 devices for the official SDK with signature $signature", async ({ more, first }) => {
    const request = new iot.CancelOTATaskByDeviceRequest({ ...scope, deviceName: names(first) });
    const { body } = await sdk(more).cancelOTATaskByDevice(request);
    expect(body).toMatchObject({ success: true, requestId: expect.stringMatching(/^[0-9A-F-]{36}$/) as string });
    expect(names(first).map((name) => emulator.taskOf(name))).toEqual(names(first).map(() => "CANCELED"));
  });

  it.each([
    { method: "GET", first: 400 },
    { method: "POST", first: 600 },
  ])("cancels 200 devices for pop-core by $method", async ({ method, first }) => {
    const answer = await popCore().request("CancelOTATaskByDevice", popParameters(names(first)), { method });
    expect(answer).toMatchObject({ Success: true });
    expect(documentedFields).toEqual(expect.arrayContaining(Object.keys(answer as object)));
    expect(names(first).map((name) => emulator.taskOf(name))).toEqual(names(first).map(() => "CANCELED"));
  });

  it("cancels for a temporary key of either SDK signature", async () => {
    const temporary = await startEmulator({ listen: "127.0.0.1:0", devices: 2, nameLength: 32, securityToken: "sts" });
    const config = { securityToken: "sts", endpoint: `127.0.0.1:${temporary.port}` };
    for (const [index, more] of [config, { ...config, signatureAlgorithm: "v2" }].entries()) {
      const request = new iot.CancelOTATaskByDeviceRequest({ ...scope, deviceName: names(index, 1) });
      expect((await sdk(more).cancelOTATaskByDevice(request)).body?.success).toBe(true);
    }
    await temporary.close();
  });

  it("tells the official SDK of an unknown device by Success: false, with documented fields only", async () => {
    const request = new iot.CancelOTATaskByDeviceRequest({ ...scope, deviceName: ["nobody"] });
    const { body } = await sdk().cancelOTATaskByDevice(request);
    expect(body).toMatchObject({
      success: false,
      code: "iot.device.NotExistedDevice",
      errorMessage: "The device does not exist.",
    });
  });

  it("tells pop-core of an unknown device by a Code, which it throws", async () => {
    await expect(popCore().request("CancelOTATaskByDevice", popParameters(["nobody"]))).rejects.toMatchObject({
      data: { Code: "iot.device.NotExistedDevice", Success: false },
    });
  });

  it.each([{}, { signatureAlgorithm: "v2" }])("makes the official SDK throw for a wrong secret (%o)", async (more) => {
    const request = new iot.CancelOTATaskByDeviceRequest({ ...scope, deviceName: names(0, 1) });
    const call = sdk({ ...more, accessKeySecret: "guess" }).cancelOTATaskByDevice(request);
    await expect(call).rejects.toMatchObject({ code: "SignatureDoesNotMatch" });
  });

  it("makes pop-core throw for a wrong secret", async () => {
    const call = popCore("guess").request("CancelOTATaskByDevice", popParameters(names(0, 1)));
    await expect(call).rejects.toMatchObject({ code: "SignatureDoesNotMatch" });
  });

  it("refuses other operations of the SDK as the POP gateway does", async () => {
    const call = sdk().queryProduct(new iot.QueryProductRequest({ productKey: "any" }));
    await expect(call).rejects.toMatchObject({ code: "InvalidApi.NotFound", data: { statusCode: 404 } });
  });
});
