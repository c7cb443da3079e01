// Tasks read back from the real emulator, over both rpcs: each outcome matches the emulator's state,
// and devices that could not be read are reported as such.
import { credentials } from "@grpc/grpc-js";
import { describe, expect, it, type TestContext } from "vitest";
import { readConfig } from "../../src/config/config.js";
import { DEFAULTS, type EmulatorOptions } from "../../src/emulator/options.js";
import { startEmulator } from "../../src/emulator/server.js";
import { seededName } from "../../src/emulator/state/seeded-name.js";
import type { TaskState } from "../../src/emulator/state/task-state.js";
import { ErrorInfo } from "../../src/gen/google/rpc/error_details.js";
import {
  CancelTasksByDeviceRequest,
  type CancelTasksByDeviceResponse,
  type DeviceResult,
  OtaServiceClient,
  Outcome,
} from "../../src/gen/ota/v1/ota_service.js";
import { createLog } from "../../src/serve/logging/create-log.js";
import { serve } from "../../src/serve/serve.js";
import { createCaller } from "../support/grpc-caller.js";
import { KEYS, type Variables } from "../support/processes.js";

const STATES: readonly TaskState[] = [
  "CONFIRM",
  "QUEUED",
  "NOTIFIED",
  "IN_PROGRESS",
  "SUCCEEDED",
  "FAILED",
  "CANCELED",
];
const { jobId } = DEFAULTS;

async function setUp({ onTestFinished }: TestContext, options: EmulatorOptions = {}, variables: Variables = {}) {
  const emulator = await startEmulator({
    listen: "127.0.0.1:0",
    devices: 700,
    taskState: (index) => STATES[index % STATES.length] as TaskState,
    unknownDevice: "ignore",
    ...options,
  });
  const environment = {
    ...KEYS,
    OTA_LISTEN: "127.0.0.1:0",
    OTA_ADMIN_LISTEN: "127.0.0.1:0",
    OTA_UPSTREAM_URL: emulator.url,
    OTA_LOG_LEVEL: "silent",
    ...variables,
  };
  const config = readConfig(environment);
  const gateway = await serve(config, createLog(config.logLevel), environment);
  const caller = createCaller(gateway.grpc);
  onTestFinished(async () => {
    caller.close();
    await gateway.stop();
    await emulator.close();
  });
  const verify = (deviceNames: string[], request: Partial<CancelTasksByDeviceRequest> = {}, deadlineMs = 30_000) =>
    caller.cancel(deviceNames, { verify: true, ...request }, deadlineMs).answer;
  return { emulator, gateway, verify };
}

function devices(count: number, first = 0): string[] {
  return Array.from({ length: count }, (_, index) => seededName(first + index));
}

/** What the emulator's seed makes of a device after a cancel. */
function outcomeAt(index: number): Outcome {
  const state = STATES[index % STATES.length];
  return state === "SUCCEEDED" || state === "FAILED" ? Outcome.ALREADY_FINISHED : Outcome.VERIFIED_CANCELED;
}

function outcomes({ results }: CancelTasksByDeviceResponse): Outcome[] {
  return results.map(({ outcome }) => outcome);
}

function reasonOf({ status }: DeviceResult): string | undefined {
  const [detail] = status?.details ?? [];
  return detail && ErrorInfo.decode(detail.value).reason;
}

describe.concurrent("CancelTasksByDevice with verify", () => {
  it("and a job_id tells each device by the state that its task has", async (test) => {
    const { emulator, verify } = await setUp(test);
    const answer = await verify([...devices(120), "device-nobody"], { jobId });
    expect(outcomes(answer)).toEqual([...Array.from({ length: 120 }, (_, n) => outcomeAt(n)), Outcome.NO_TASK]);
    expect(answer.success).toBe(true);
    expect(answer.results.every(({ status }) => status === undefined)).toBe(true);
    const { operations } = emulator.stats();
    expect(operations["ListOTATaskByJob"]).toEqual({ arrivals: 3, refused: {}, worstSecond: expect.any(Number) });
    expect(answer.calls).toHaveLength(1); // those that read are none of the cancel's
  });

  it("and a job_id tells devices apart that a dynamic batch has taken in again and again", async (test) => {
    const { emulator, verify } = await setUp(test, { devices: 0 });
    const dynamic = emulator.startRollout({ kind: "dynamic", devices: 50 }).jobId;
    for (let match = 1; match <= 3; match++) {
      // At last, 150 tasks of 50 devices: more than a page.
      const answer = await verify(devices(50), { jobId: dynamic });
      expect(outcomes(answer)).toEqual(Array(50).fill(Outcome.VERIFIED_CANCELED));
      for (const deviceName of devices(50)) emulator.report({ deviceName, version: DEFAULTS.deviceVersion });
    }
    expect(emulator.rollouts().at(-1)?.tasks).toMatchObject({ CANCELED: 150, QUEUED: 50 });
  });

  it("and no job_id says that nothing is left to happen, and no more than that", async (test) => {
    const { emulator, verify } = await setUp(test);
    const answer = await verify(devices(14));
    expect(outcomes(answer)).toEqual(Array(14).fill(Outcome.NO_TASK));
    expect(answer.success).toBe(true);
    expect(new Set(answer.results.map(reasonOf))).toEqual(new Set(["NOT_VERIFIED"]));
    expect(emulator.stats().operations["ListOTAUnfinishedTaskByDevice"]).toMatchObject({ arrivals: 14, refused: {} });
  });

  it("and no job_id reads only so many devices of a request", async (test) => {
    const { emulator, verify } = await setUp(test, {}, { OTA_VERIFY_MAX_DEVICES_WITHOUT_JOB: "2" });
    const answer = await verify(devices(5));
    expect(outcomes(answer)).toEqual([Outcome.NO_TASK, Outcome.NO_TASK, ...Array(3).fill(Outcome.ACCEPTED)]);
    expect(answer.results.slice(2).map(reasonOf)).toEqual(Array(3).fill("NOT_VERIFIED"));
    expect(answer.results[4]?.status?.message).toContain("without job_id");
    expect(answer.success).toBe(true);
    expect(emulator.stats().operations["ListOTAUnfinishedTaskByDevice"]?.arrivals).toBe(2);
  });

  it("says why nothing could be read of a batch that does not exist, after one call", async (test) => {
    const { emulator, verify } = await setUp(test, { unknownJob: "ignore" });
    const answer = await verify(devices(200), { jobId: "NoSuchJob" });
    expect(outcomes(answer)).toEqual(Array(200).fill(Outcome.ACCEPTED));
    expect(new Set(answer.results.map(reasonOf))).toEqual(new Set(["NOT_VERIFIED"]));
    expect(answer.results[0]?.status?.message).toContain("iot.ota.InvalidJobId");
    expect(answer.success).toBe(true);
    expect(emulator.stats().operations["ListOTATaskByJob"]?.arrivals).toBeLessThanOrEqual(4); // those under way
  });

  it("reads again what was throttled, failed or reset", async (test) => {
    const { emulator, verify } = await setUp(test);
    const action = "ListOTATaskByJob";
    emulator.setFaults({
      rules: [
        {
          action,
          times: 1,
          fault: { kind: "error", shape: "gateway", status: 400, code: "Throttling.User", message: "" },
        },
        { action, times: 1, fault: { kind: "reset", applied: false } },
        { action, times: 1, fault: { kind: "bad-gateway" } },
      ],
    });
    expect(outcomes(await verify(devices(7), { jobId }))).toEqual(STATES.map((_, n) => outcomeAt(n)));
    expect(emulator.stats().operations[action]).toMatchObject({ arrivals: 4 });
  });

  it("reports the outcome of devices of a refused call that could not be isolated", async (test) => {
    // More unknown devices than there are calls to find them; the refused calls cancel the others all the same.
    const { verify } = await setUp(test, {
      ...{ unknownDevice: "reject", refusedCall: "cancels-rest", missingFromDetail: "reject" },
    });
    const unknown = Array.from({ length: 40 }, (_, n) => `nobody-${n}`);
    const mixed = devices(40).flatMap((name, index) => [name, unknown[index] as string]);
    const { results } = await verify(mixed, { jobId });
    const known = results.filter((_, index) => index % 2 === 0);
    expect(known.map(({ outcome }) => outcome)).toEqual(known.map((_, index) => outcomeAt(index)));
    const others = results.filter((_, index) => index % 2 === 1).map(({ outcome }) => outcome);
    expect(others.every((outcome) => outcome === Outcome.NO_TASK || outcome === Outcome.REJECTED)).toBe(true);
    expect(others).toContain(Outcome.NO_TASK);
  });
});

describe.concurrent("StreamCancelTasksByDevice with verify", () => {
  it("answers each request when its devices have been read", async (test) => {
    const { emulator, gateway } = await setUp(test);
    const stub = new OtaServiceClient(gateway.grpc, credentials.createInsecure());
    test.onTestFinished(() => stub.close());
    const stream = stub.streamCancelTasksByDevice();
    const answers = new Map<bigint, CancelTasksByDeviceResponse>();
    const { productKey, firmwareId } = DEFAULTS;
    for (let n = 0; n < 6; n++) {
      const deviceNames = devices(100, n * 100);
      const request = CancelTasksByDeviceRequest.fromPartial({
        productKey,
        firmwareId,
        jobId,
        deviceNames,
        verify: true,
      });
      stream.write({ sequence: BigInt(n), request, withdraw: false });
    }
    stream.end();
    for await (const { event } of stream) {
      if (event?.$case !== "answer" || event.answer.result?.$case !== "response") continue;
      answers.set(event.answer.sequence, event.answer.result.response);
    }
    for (let n = 0; n < 6; n++) {
      const expected = Array.from({ length: 100 }, (_, index) => outcomeAt(n * 100 + index));
      expect(answers.get(BigInt(n)) && outcomes(answers.get(BigInt(n)) as CancelTasksByDeviceResponse)).toEqual(
        expected,
      );
    }
    const { operations } = emulator.stats();
    expect(operations["ListOTATaskByJob"]).toMatchObject({ arrivals: 12, refused: {} });
    expect(operations["ListOTATaskByJob"]?.worstSecond).toBeLessThanOrEqual(10);
  });
});

// By itself: an answer that the deadline overtakes because a machine is busy proves nothing.
describe("a request whose reads hang", () => {
  it("is answered before its deadline, and what was accepted is never taken back", async (test) => {
    const { emulator, verify } = await setUp(test);
    emulator.setFaults({ rules: [{ action: "ListOTATaskByJob", fault: { kind: "hang", applied: false } }] });
    const answer = await verify(devices(7), { jobId }, 5000);
    expect(outcomes(answer)).toEqual(Array(7).fill(Outcome.ACCEPTED));
    expect(new Set(answer.results.map(reasonOf))).toEqual(new Set(["NOT_VERIFIED"]));
    expect(emulator.taskOf(seededName(0))).toBe("CANCELED");
  });
});
