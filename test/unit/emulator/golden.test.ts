// The operations against the vendor's own description of them: test/golden/iot-2018-01-20.json.
import { describe, expect, it } from "vitest";
import { OPERATIONS } from "../../../src/emulator/operations/registry.js";
import { GOLDEN, undocumented } from "./golden-schema.js";
import { afterAnyCalls } from "./random-calls.js";
import { newService } from "./service.js";

/** Documented with each operation. */
const CALLS_PER_SECOND: Readonly<Record<string, number>> = {
  CancelOTATaskByDevice: 10,
  CancelOTATaskByJob: 5,
  CancelOTAStrategyByJob: 10,
  ConfirmOTATask: 20,
  ReupgradeOTATask: 20,
  CreateOTAFirmware: 10,
  ListOTAFirmware: 10,
  QueryOTAFirmware: 20,
  CreateOTAVerifyJob: 10,
  CreateOTAStaticUpgradeJob: 20,
  CreateOTADynamicUpgradeJob: 20,
  QueryOTAJob: 10,
  ListOTAJobByFirmware: 10,
  ListOTAJobByDevice: 10,
  ListOTATaskByJob: 10,
  ListOTAUnfinishedTaskByDevice: 10,
  CreateProduct: 50,
  RegisterDevice: 30,
  QueryDevice: 50,
  DeleteDevice: 50,
  BatchCheckDeviceNames: 10,
  BatchGetDeviceState: 50,
  BatchQueryDeviceDetail: 5,
};

describe("OPERATIONS", () => {
  it("are those of the golden description, with their quotas", () => {
    expect(Object.keys(OPERATIONS).sort()).toEqual(Object.keys(GOLDEN).sort());
    const quotas = Object.entries(OPERATIONS).map(([action, { callsPerSecond }]) => [action, callsPerSecond]);
    expect(Object.fromEntries(quotas)).toEqual(CALLS_PER_SECOND);
  });

  describe.each(Object.entries(OPERATIONS))("%s", (action, operation) => {
    const golden = GOLDEN[action];

    it("takes the documented methods and knows every documented parameter, and no other", () => {
      expect([...operation.methods].sort()).toEqual(golden?.methods.map((method) => method.toUpperCase()).sort());
      const documented = golden?.parameters.map(({ name }) => name).filter((name) => name !== "IotInstanceId");
      expect(Object.keys(operation.parameters).sort()).toEqual(documented?.sort());
    });

    it("refuses to go without what is documented as required", () => {
      const { codeOf } = newService();
      const required = golden?.parameters.filter((parameter) => parameter.required).map(({ name }) => name);
      const needed = Object.entries(operation.parameters).filter(([, reader]) => reader.required);
      expect(needed.map(([name]) => name).sort()).toEqual(required?.sort());
      if (needed[0]) expect(codeOf(action)).toBe(`Missing${needed[0][0]}`);
    });

    it("refuses with HTTP 400 just where codes are registered for it", () => {
      expect(operation.refusesWith400 ?? false).toBe(golden?.errorCodes["400"] !== undefined);
    });
  });
});

describe("every answer", () => {
  it("has the documented names and types, whatever is asked in whatever order", async () => {
    const seen = new Set<string>();
    await afterAnyCalls((_, { action, fields, succeeded }) => {
      expect(undocumented(action, fields)).toEqual([]);
      if (succeeded) seen.add(action);
    });
    expect([...seen].sort()).toEqual(Object.keys(OPERATIONS).sort());
  });
});
