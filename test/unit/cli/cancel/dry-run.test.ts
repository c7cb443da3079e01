// A dry run over a real gRPC port, against a service that plans as a gateway does.
import { describe, expect, it, onTestFinished } from "vitest";
import { dryRun, dryRunJson, dryRunText } from "../../../../src/cli/cancel/dry-run.js";
import { NameCheck } from "../../../../src/cli/cancel/name-check.js";
import { connect } from "../../../../src/client/client.js";
import { GatewayError } from "../../../../src/gateway/failures.js";
import { CancelTasksByDeviceResponse, Outcome } from "../../../../src/gen/ota/v1/ota_service.js";
import { wireErrorOf } from "../../../../src/grpc/wire/status.js";
import { names } from "../../../support/fake-command.js";
import { listenOta } from "../../../support/fake-ota-service.js";

async function* linesOf(list: readonly string[]) {
  for (const name of list) yield { line: 0, name };
}

/** What is told of these many devices, and the sizes of the requests that were taken. */
async function planned(devices: number, mostDevices: number) {
  const sizes: number[] = [];
  const address = await listenOta({
    cancel: ({ request: { deviceNames, validateOnly } }) => {
      const { length } = deviceNames;
      const description = `has ${length} names, at most ${mostDevices} are allowed`;
      const violations = [{ field: "device_names", description }];
      if (length > mostDevices) return wireErrorOf(new GatewayError({ kind: "invalid", message: "no", violations }));
      expect(validateOnly).toBe(true);
      sizes.push(length);
      const calls = Math.ceil(length / 200);
      return CancelTasksByDeviceResponse.fromPartial({
        plan: { calls, expectedWait: { nanos: 1e8 }, expectedDuration: { nanos: calls * 1e8 } },
      });
    },
  });
  const client = connect(address);
  onTestFinished(() => client.close());
  const advances: number[] = [];
  const told = await dryRun({
    client,
    scope: { productKey: "a1", firmwareId: "f1" },
    lines: linesOf(names(devices)),
    source: "a list",
    before: new Set(),
    callsPerSecond: 10,
    signal: new AbortController().signal,
    advanced: (more) => void advances.push(more),
  });
  expect(advances).toEqual(sizes); // for the user: a check of 100,000 names takes minutes
  return { told, sizes };
}

/** What is told of these, where every tenth device does not exist and the last one was not read. */
async function checkedBy(list: readonly string[], isOld = false) {
  const failure = (code: number, message: string) => ({ code, message, details: [] });
  const address = await listenOta({
    cancel: ({ request: { deviceNames, checkDevices } }) => {
      expect(checkDevices).toBe(true);
      const results = deviceNames.map((deviceName, n) => ({
        deviceName,
        outcome: n % 10 === 9 ? Outcome.REJECTED : Outcome.NOT_ATTEMPTED,
        status: n % 10 === 9 ? failure(5, "not found") : n === 0 ? failure(7, "not read: forbidden") : undefined,
        callIndex: -1,
      }));
      const counts = isOld ? {} : { devicesExisting: deviceNames.length };
      return CancelTasksByDeviceResponse.fromPartial({ results, plan: { calls: 1, ...counts } });
    },
  });
  const client = connect(address);
  onTestFinished(() => client.close());
  const nameCheck = new NameCheck();
  const told = await dryRun({
    ...{ client, scope: { productKey: "a1", firmwareId: "f1" }, lines: linesOf(list), source: "a list" },
    ...{ before: new Set<string>(), callsPerSecond: 10, signal: new AbortController().signal },
    advanced: () => {},
    checked: (result) => nameCheck.count(result),
  });
  return { told, nameCheck };
}

describe("NameCheck", () => {
  it("counts what exists, what does not and what was not read, with the first names", async () => {
    const { told, nameCheck } = await checkedBy(names(200));
    expect(dryRunJson(told, nameCheck)).toMatchObject({
      ...{ existing: 179, missing: 20, not_read: 1, not_read_because: "not read: forbidden" },
      missing_examples: names(10).map((_, n) => `dev-${n * 10 + 9}`),
    });
    const text = dryRunText(told, nameCheck);
    expect(text).toContain("Read: 179 devices exist, 20 do not, 1 could not be read.\nDo not exist: dev-9, dev-19, ");
    expect(text).toContain("dev-99, and 10 more.\nNot read: forbidden.\nNothing was canceled.");
    expect(nameCheck.isClean).toBe(false);
  });

  it("does not take the silence of an older gateway for devices that exist", async () => {
    await expect(checkedBy(names(5), true)).rejects.toThrow("the gateway read no device");
  });
});

describe("dryRun", () => {
  it("asks for a thousand devices at a time, and adds up what they take", async () => {
    const { told, sizes } = await planned(2100, 10_000);
    expect(sizes).toEqual([1000, 1000, 100]);
    expect(told).toMatchObject({ devices: 2100, calls: 11, expectedWaitMs: 100, expectedDurationMs: 1100 });
  });

  it("asks for fewer at a time where a gateway takes fewer, with the same result", async () => {
    const { told, sizes } = await planned(2100, 300);
    expect(sizes).toEqual([250, 250, 250, 250, 250, 250, 250, 250, 100]);
    expect(told).toMatchObject({ devices: 2100, calls: 11, expectedWaitMs: 100, expectedDurationMs: 1100 });
  });

  it("plans also by a gateway that takes one device in a request", async () => {
    expect((await planned(300, 1)).told).toMatchObject({ devices: 300, calls: 2, expectedDurationMs: 200 });
  });

  it("is told in JSON with keys like those of a run's summary", async () => {
    const { told } = await planned(300, 1000);
    expect(dryRunJson(told)).toEqual({
      ...{ devices: 300, invalid_names: 0, duplicates: 0, skipped: 0 },
      ...{ upstream_calls: 2, expected_wait_ms: 100, expected_duration_ms: 200 },
    });
  });
});
