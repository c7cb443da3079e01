// A whole rollout, played by each of the vendor's clients: created, listed, confirmed, canceled by device,
// listed again, canceled as a whole. Every answer is held against the vendor's own description.
import { createRequire } from "node:module";
import type Iot from "@alicloud/iot20180120";
import RPCClient from "@alicloud/pop-core";
import { describe, expect, it, onTestFinished } from "vitest";
import { type Emulator, startEmulator } from "../../src/emulator/server.js";
import { HandClock } from "../support/hand-clock.js";
import { undocumented } from "../unit/emulator/golden-schema.js";

// Not by import: vitest and Node disagree about the default export of a CommonJS module that has one itself.
const iot: typeof Iot = createRequire(import.meta.url)("@alicloud/iot20180120");

type Body = Readonly<Record<string, unknown>>;
type Send = (action: string, parameters: Record<string, unknown>) => Promise<Body>;

interface Named {
  readonly DeviceName: string;
}
const namesIn = (devices: readonly Named[]) => devices.map(({ DeviceName }) => DeviceName);

const KEY = { accessKeyId: "testid", accessKeySecret: "testsecret" };

/** The official SDK: a method and a class for each operation, and names in lower camel case. */
function officialSdk({ port }: Emulator, more: object = {}): Send {
  const config = { ...KEY, regionId: "cn-shanghai", endpoint: `127.0.0.1:${port}`, protocol: "http", ...more };
  type Sdk = Record<string, (request: unknown) => Promise<{ body: { toMap(): Body } }>>;
  const client = new iot.default(config as never) as unknown as Sdk;
  const requests = iot as unknown as Record<string, new (fields: object) => unknown>;
  const lower = (name: string) => name.charAt(0).toLowerCase() + name.slice(1);
  return async (action, parameters) => {
    const fields = Object.fromEntries(Object.entries(parameters).map(([name, value]) => [lower(name), value]));
    const Request = requests[`${action}Request`];
    const method = client[lower(action)]?.bind(client);
    if (!Request || !method) throw new TypeError(`the SDK has no ${action}`);
    return (await method(new Request(fields))).body.toMap();
  };
}

function popCore({ url }: Emulator, method: "GET" | "POST"): Send {
  const client = new RPCClient({ ...KEY, endpoint: url, apiVersion: "2018-01-20" });
  // Two operations are documented for POST only.
  const methodOf = (action: string) => (/^(Confirm|Reupgrade)/.test(action) ? "POST" : method);
  return (action, parameters) => client.request<Body>(action, parameters, { method: methodOf(action) });
}

describe("startEmulator", () => {
  it.each<[client: string, connect: (emulator: Emulator) => Send]>([
    ["the official SDK with signature V3", (emulator) => officialSdk(emulator)],
    ["the official SDK with signature V1", (emulator) => officialSdk(emulator, { signatureAlgorithm: "v2" })],
    ["pop-core by GET", (emulator) => popCore(emulator, "GET")],
    ["pop-core by POST", (emulator) => popCore(emulator, "POST")],
  ])("plays a whole rollout with %s", async (_, connect) => {
    const clock = new HandClock({ wallMs: Date.now() });
    const emulator = await startEmulator({ listen: "127.0.0.1:0", clock });
    onTestFinished(() => emulator.close());
    const send = connect(emulator);
    const call = async (action: string, parameters: Record<string, unknown>) => {
      // The slowest operation admits five calls a second.
      await clock.advance(200);
      const body = await send(action, parameters);
      expect(undocumented(action, body)).toEqual([]);
      expect(body).toMatchObject({ Success: true, RequestId: expect.stringMatching(/^[0-9A-F-]{36}$/) as string });
      return body;
    };
    const list = async (more: object = {}) => {
      const tasks: Record<string, string>[] = [];
      for (let page = 1; ; page++) {
        const answer = await call("ListOTATaskByJob", { JobId, CurrentPage: page, PageSize: 100, ...more });
        tasks.push(...(answer["Data"] as { SimpleOTATaskInfo: Record<string, string>[] }).SimpleOTATaskInfo);
        if (page >= (answer["PageCount"] as number)) return tasks;
      }
    };
    const states = async () => {
      const counts: Record<string, number> = {};
      for (const { TaskStatus = "" } of await list()) counts[TaskStatus] = (counts[TaskStatus] ?? 0) + 1;
      return counts;
    };
    const idIn = (body: Body, field: string) => (body["Data"] as Record<string, string>)[field] as string;

    const ProductKey = idIn(await call("CreateProduct", { ProductName: "Light", NodeType: 0 }), "ProductKey");
    const names = Array.from({ length: 300 }, (_, index) => `light:${index}@floor.1`);
    await call("BatchCheckDeviceNames", { ProductKey, DeviceName: names });
    for (const DeviceName of names) await call("RegisterDevice", { ProductKey, DeviceName });
    expect(await call("QueryDevice", { ProductKey, PageSize: 50 })).toMatchObject({ Total: 300, PageCount: 6 });
    const withOneMissing = { ProductKey, DeviceName: [...names.slice(0, 40), "light:gone"] };
    const details = await call("BatchQueryDeviceDetail", withOneMissing);
    expect(namesIn((details["Data"] as { Data: Named[] }).Data)).toEqual(names.slice(0, 40));
    const online = await call("BatchGetDeviceState", withOneMissing);
    expect(namesIn((online["DeviceStatusList"] as { DeviceStatus: Named[] }).DeviceStatus)).toEqual(names.slice(0, 40));

    const firmware = { FirmwareName: "Firmware2", DestVersion: "2.0.0", ProductKey, NeedToVerify: true };
    const FirmwareId = idIn(await call("CreateOTAFirmware", firmware), "FirmwareId");
    const verification = { FirmwareId, ProductKey, TargetDeviceName: names.slice(0, 2) };
    await call("CreateOTAVerifyJob", verification);
    emulator.report({ productKey: ProductKey, deviceName: names[0] as string, version: "2.0.0" });
    await call("CancelOTATaskByDevice", { ProductKey, FirmwareId, DeviceName: [names[1]] });
    expect(await call("QueryOTAFirmware", { FirmwareId })).toMatchObject({ FirmwareInfo: { Status: 1 } });

    const rollout = { FirmwareId, ProductKey, TargetSelection: "ALL", NeedConfirm: true };
    const JobId = idIn(await call("CreateOTAStaticUpgradeJob", rollout), "JobId");
    // The device that verified the package has its version already.
    expect(await states()).toEqual({ CONFIRM: 299 });
    expect(new Set((await list()).map(({ DeviceName }) => DeviceName))).toEqual(new Set(names.slice(1)));

    const TaskId = (await list({ DeviceNames: names.slice(1, 11) })).map((task) => task["TaskId"]);
    await call("ConfirmOTATask", { TaskId });
    expect(await states()).toEqual({ CONFIRM: 289, QUEUED: 10 });

    await call("CancelOTATaskByDevice", { ProductKey, FirmwareId, JobId, DeviceName: names.slice(1, 201) });
    expect(await states()).toEqual({ CONFIRM: 99, CANCELED: 200 });
    expect(await list({ TaskStatus: "CANCELED" })).toHaveLength(200);

    await call("ReupgradeOTATask", { JobId, TaskId });
    const unfinished = await call("ListOTAUnfinishedTaskByDevice", { ProductKey, DeviceName: names[1] });
    expect(unfinished).toMatchObject({ Data: { SimpleOTATaskInfo: [{ TaskStatus: "QUEUED", TaskId: TaskId[0] }] } });

    await call("CancelOTATaskByJob", { JobId, CancelQueuedTask: true });
    expect(await states()).toEqual({ CANCELED: 299 });
    expect(await call("QueryOTAJob", { JobId })).toMatchObject({ Data: { JobStatus: "CANCELED", NeedConfirm: true } });
    const jobs = await call("ListOTAJobByFirmware", { FirmwareId, CurrentPage: 1, PageSize: 10 });
    expect(jobs).toMatchObject({ Total: 2, Data: { SimpleOTAJobInfo: [{ JobId }, { JobType: "VERIFY_FIRMWARE" }] } });
    await call("ListOTAJobByDevice", { FirmwareId, ProductKey, DeviceName: names[5], CurrentPage: 1, PageSize: 10 });
    await call("ListOTAFirmware", { CurrentPage: 1, PageSize: 10 });

    const dynamic = { FirmwareId, ProductKey, SrcVersion: ["1.0.0"] };
    const strategy = idIn(await call("CreateOTADynamicUpgradeJob", dynamic), "JobId");
    await call("CancelOTAStrategyByJob", { JobId: strategy });
    await call("DeleteDevice", { ProductKey, DeviceName: names[299] });
    expect(emulator.stats().operations["RegisterDevice"]).toEqual({ arrivals: 300, refused: {}, worstSecond: 5 });
    expect(Object.keys(emulator.stats().operations)).toHaveLength(23);
  });
});
