// The operations that set a test up: products and devices.
import { describe, expect, it } from "vitest";
import { type Asked, newFleet, newJob, newService, tasksOf } from "./service.js";

interface Devices {
  readonly Total: number;
  readonly NextToken?: string;
  readonly Data: { readonly DeviceInfo: { readonly DeviceName: string }[] };
}

describe("createProduct", () => {
  it("gives each product a key of its own", () => {
    const { call } = newService();
    const keys = Array.from(
      { length: 20 },
      () => call("CreateProduct", { ProductName: "Light", NodeType: 0 })["ProductKey"],
    );
    expect(new Set(keys).size).toBe(20);
    for (const key of keys) expect(key).toMatch(/^a1[A-Za-z0-9]{9}$/);
  });

  it("refuses what is out of bounds", () => {
    const { codeOf } = newService();
    expect(codeOf("CreateProduct", { ProductName: "L", NodeType: 0 })).toBe("InvalidProductName");
    expect(codeOf("CreateProduct", { ProductName: "Light", NodeType: 2 })).toBe("InvalidNodeType");
  });
});

describe("registerDevice", () => {
  it("makes a name up where there is none, and gives secrets and ids that are its own", () => {
    const { call, ...service } = newService();
    const { ProductKey } = newFleet({ call, ...service }, 0);
    const registered = [1, 2].map(
      () => call("RegisterDevice", { ProductKey })["Data"] as unknown as Record<string, string>,
    );
    for (const field of ["DeviceName", "DeviceSecret", "IotId"]) {
      expect(new Set(registered.map((device) => device[field])).size).toBe(2);
    }
  });

  it("refuses a name that is taken, and one that none can have", () => {
    const service = newService();
    const { ProductKey } = newFleet(service, 1);
    const refusal = (DeviceName: string) => service.codeOf("RegisterDevice", { ProductKey, DeviceName });
    expect(refusal("light-0")).toBe("iot.device.AlreadyExistedDeviceName");
    expect(refusal("abc")).toBe("iot.device.InvalidFormattedDeviceName");
    expect(refusal("light/0")).toBe("iot.device.InvalidFormattedDeviceName");
  });
});

describe("queryDevice", () => {
  function newQuery(devices: number) {
    const service = newService();
    const { ProductKey } = newFleet(service, devices);
    const query = (more: Asked = {}) => service.call("QueryDevice", { ProductKey, ...more }) as unknown as Devices;
    const names = (answer: Devices) => answer.Data.DeviceInfo.map(({ DeviceName }) => DeviceName);
    return { service, ProductKey, query, names };
  }

  it("begins with the newest, and goes on by page or by token", () => {
    const { query, names } = newQuery(25);
    const first = query();
    expect(names(first)).toEqual(Array.from({ length: 10 }, (_, index) => `light-${24 - index}`));
    expect(names(query({ CurrentPage: 2 }))).toEqual(names(query({ NextToken: first.NextToken as string })));
    const last = query({ CurrentPage: 3 });
    expect(names(last)).toHaveLength(5);
    expect(last.NextToken).toBeUndefined();
  });

  it("refuses pages that are too large or too deep, and tokens that are none", () => {
    const { service, ProductKey } = newQuery(0);
    const refusal = (more: Asked) => service.codeOf("QueryDevice", { ProductKey, ...more });
    expect(refusal({ PageSize: 51 })).toBe("iot.common.InvalidPageParams");
    expect(refusal({ PageSize: 50, CurrentPage: 201 })).toBe("iot.common.InvalidPageParams");
    expect(refusal({ NextToken: "guess" })).toBe("InvalidNextToken");
  });

  it("knows nothing of a deleted device, whose task is canceled and stays listed", () => {
    const { service, ProductKey, query, names } = newQuery(3);
    const FirmwareId = (
      service.call("CreateOTAFirmware", { FirmwareName: "f", DestVersion: "2.0.0", NeedToVerify: false })["Data"] as {
        FirmwareId: string;
      }
    ).FirmwareId;
    const JobId = newJob(service, { ProductKey, FirmwareId });
    const IotId = service.platform.devices.iotIdOf(1);
    service.call("DeleteDevice", { IotId });
    expect(names(query())).toEqual(["light-2", "light-0"]);
    expect(tasksOf(service, JobId)[1]).toMatchObject({ DeviceName: "light-1", TaskStatus: "CANCELED" });
    expect(service.codeOf("DeleteDevice", { IotId })).toBe("iot.device.NotExistedDevice");
    expect(service.codeOf("RegisterDevice", { ProductKey, DeviceName: "light-1" })).toBeUndefined();
  });
});

describe("batchCheckDeviceNames", () => {
  it("gives an ApplyId for names that are free", () => {
    const service = newService();
    const { ProductKey } = newFleet(service, 1);
    const { Data } = service.call("BatchCheckDeviceNames", { ProductKey, DeviceName: ["light-1", "light-2"] });
    expect(Data).toEqual({ ApplyId: expect.any(Number) as number });
  });

  it("fails with the names that are taken, malformed or repeated", () => {
    const service = newService();
    const { ProductKey } = newFleet(service, 1);
    const DeviceName = ["light-0", "a b c d", "light-1", "light-1"];
    expect(() => service.call("BatchCheckDeviceNames", { ProductKey, DeviceName })).toThrow(
      expect.objectContaining({
        code: "iot.device.InvalidFormattedDeviceName",
        fields: {
          Data: {
            InvalidDeviceNameList: { InvalidDeviceName: ["light-0", "a b c d"] },
            RepeatedDeviceNameList: { RepeatDevieNameList: ["light-1"] },
          },
        },
      }) as Error,
    );
  });

  it("prefers the list with nicknames, which it checks too", () => {
    const service = newService();
    const { ProductKey } = newFleet(service, 0);
    const DeviceNameList = [{ DeviceName: "light-1", DeviceNickname: "x".repeat(65) }];
    expect(() => service.call("BatchCheckDeviceNames", { ProductKey, DeviceName: ["!"], DeviceNameList })).toThrow(
      expect.objectContaining({
        fields: { Data: { InvalidDeviceNicknameList: { InvalidDeviceNickname: ["x".repeat(65)] } } },
      }) as Error,
    );
    expect(service.codeOf("BatchCheckDeviceNames", { ProductKey })).toBe("iot.device.NullDeviceName");
  });
});

describe("batchQueryDeviceDetail", () => {
  const ask = (service: ReturnType<typeof newService>, count: number, extra: readonly string[] = []) => {
    const { ProductKey, names } = newFleet(service, count);
    return { asked: { ProductKey, DeviceName: [...names, ...extra] }, names };
  };

  it("tells the secrets of the devices that exist, and omits the others", () => {
    const service = newService();
    const { asked, names } = ask(service, 3, ["light-gone"]);
    const { Data } = service.call("BatchQueryDeviceDetail", asked) as unknown as {
      Data: { Data: { DeviceName: string; DeviceSecret: string }[] };
    };
    expect(Data.Data.map(({ DeviceName }) => DeviceName)).toEqual(names);
    expect(new Set(Data.Data.map(({ DeviceSecret }) => DeviceSecret)).size).toBe(3);
  });

  it("refuses 101 names, an unknown product, and missing devices where it is set to", () => {
    const service = newService({ missingFromDetail: "reject" });
    const many = ask(service, 101).asked;
    expect(service.codeOf("BatchQueryDeviceDetail", many)).toBe("iot.device.TooManyDeviceNamesPerRequest");
    expect(service.codeOf("BatchQueryDeviceDetail", { ...many, ProductKey: "none", DeviceName: ["light-1"] })).toBe(
      "iot.prod.NotExistedProduct",
    );
    expect(service.codeOf("BatchQueryDeviceDetail", ask(service, 1, ["light-gone"]).asked)).toBe(
      "iot.device.NotExistedDevice",
    );
  });
});

describe("batchGetDeviceState", () => {
  it("omits devices that do not exist, or refuses the call, and takes 50 names", () => {
    for (const missingFromState of ["omit", "reject"] as const) {
      const service = newService({ missingFromState });
      const { ProductKey, names } = newFleet(service, 51);
      const asked = { ProductKey, DeviceName: [names[0] as string, "light-gone"] };
      if (missingFromState === "omit") {
        expect(service.call("BatchGetDeviceState", asked)).toMatchObject({
          DeviceStatusList: { DeviceStatus: [{ DeviceName: names[0], Status: "OFFLINE" }] },
        });
      } else expect(service.codeOf("BatchGetDeviceState", asked)).toBe("iot.device.NotExistedDevice");
      expect(service.codeOf("BatchGetDeviceState", { ProductKey, DeviceName: names })).toBe(
        "iot.device.TooManyDeviceNamesPerRequest",
      );
    }
  });

  it("finds devices by IotId, and needs a product for names", () => {
    const service = newService();
    const { ProductKey, names } = newFleet(service, 1);
    const { DeviceStatusList } = service.call("BatchGetDeviceState", { ProductKey, DeviceName: names }) as unknown as {
      DeviceStatusList: { DeviceStatus: { IotId: string }[] };
    };
    const IotId = [DeviceStatusList.DeviceStatus[0]?.IotId as string, "none"];
    expect(service.call("BatchGetDeviceState", { IotId })).toMatchObject({
      DeviceStatusList: { DeviceStatus: [{ DeviceName: names[0] }] },
    });
    expect(service.codeOf("BatchGetDeviceState", { DeviceName: names })).toBe("iot.prod.NullProductKey");
  });
});
