// A dry run over a real gRPC port, against a service that plans as a gateway does.
import { describe, expect, it, onTestFinished } from "vitest";
import { dryRun, dryRunJson } from "../../../../src/cli/cancel/dry-run.js";
import { connect } from "../../../../src/client/client.js";
import { GatewayError } from "../../../../src/gateway/failures.js";
import { CancelTasksByDeviceResponse } from "../../../../src/gen/ota/v1/ota_service.js";
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
  const told = await dryRun({
    client,
    scope: { productKey: "a1", firmwareId: "f1" },
    lines: linesOf(names(devices)),
    source: "a list",
    before: new Set(),
    callsPerSecond: 10,
    signal: new AbortController().signal,
  });
  return { told, sizes };
}

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
