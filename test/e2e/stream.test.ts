// StreamCancelTasksByDevice over the real gRPC port, against the emulator, at twenty times the usual quota.
// Each test has a gateway and an emulator of its own, and they run side by side.
import { credentials, Metadata, type ServiceError, status } from "@grpc/grpc-js";
import { describe, it, type TestContext } from "vitest";
import { type Environment, readConfig } from "../../src/config/config.js";
import { DEFAULTS, type EmulatorOptions } from "../../src/emulator/options.js";
import { startEmulator } from "../../src/emulator/server.js";
import { seededName } from "../../src/emulator/state/seeded-name.js";
import {
  type StreamCancelTasksByDeviceResponse_Answer as Answer,
  type GetQuotaResponse,
  OtaServiceClient,
  type StreamCancelTasksByDeviceResponse_Progress as Progress,
  StreamCancelTasksByDeviceRequest,
} from "../../src/gen/ota/v1/ota_service.js";
import { createLog } from "../../src/serve/logging/create-log.js";
import { serve } from "../../src/serve/serve.js";
import { readFailure } from "../support/grpc-failure.js";
import { KEYS, until, untilReady } from "../support/processes.js";

const QUOTA = 200;
/** A call that is given up is sent again; on a busy machine its answer may only be late. */
const PATIENT = { OTA_UPSTREAM_TIMEOUT_MS: "60000" };

async function setUp({ onTestFinished }: TestContext, options: EmulatorOptions, settings: Environment = {}) {
  const emulator = await startEmulator({ listen: "127.0.0.1:0", quota: QUOTA, ...options });
  const environment = {
    ...KEYS,
    OTA_LISTEN: "127.0.0.1:0",
    OTA_ADMIN_LISTEN: "127.0.0.1:0",
    OTA_UPSTREAM_URL: emulator.url,
    OTA_UPSTREAM_TIMEOUT_MS: "3000",
    OTA_QUOTA_CALLS_PER_SECOND: String(QUOTA),
    OTA_LOG_LEVEL: "silent",
    ...settings,
  };
  const config = readConfig(environment);
  const gateway = await serve(config, createLog(config.logLevel), environment);
  const clients: OtaServiceClient[] = [];
  const connect = () => {
    const client = new OtaServiceClient(gateway.grpc, credentials.createInsecure(), {
      "grpc.use_local_subchannel_pool": 1,
    });
    clients.push(client);
    return client;
  };
  let stopped: Promise<void> | undefined;
  const stop = () => {
    stopped ??= gateway.stop();
    return stopped;
  };
  onTestFinished(async () => {
    for (const client of clients) client.close();
    emulator.setFaults({});
    await stop();
    await emulator.close();
  });
  const observer = connect();
  return {
    emulator,
    stop,
    stream: (caller: string, deadlineMs?: number) => openStream(connect(), caller, deadlineMs),
    opened: () => untilReady(`http://${gateway.admin}`),
    quota: () =>
      new Promise<GetQuotaResponse>((resolve, reject) => {
        observer.getQuota({ account: "" }, (error, answer) => (error ? reject(error) : resolve(answer)));
      }),
  };
}

function openStream(client: OtaServiceClient, caller: string, deadlineMs?: number) {
  const metadata = new Metadata();
  metadata.set("x-ota-caller", caller);
  if (deadlineMs !== undefined) metadata.set("grpc-timeout", `${deadlineMs}m`); // the gateway's to keep
  const call = client.streamCancelTasksByDevice(metadata);
  const answers: Answer[] = [];
  const progress: Progress[] = [];
  call.on("data", ({ event }) => {
    if (event?.$case === "answer") answers.push(event.answer);
    if (event?.$case === "progress") progress.push(event.progress);
  });
  const ended = new Promise<ServiceError | undefined>((resolve) => {
    call.on("error", (error: ServiceError) => resolve(error));
    call.on("end", () => resolve(undefined));
  });
  let sequence = 0n;
  return {
    call,
    answers,
    progress,
    /** Undefined for OK. */
    ended,
    /** False when the client is to wait. */
    send: (deviceNames: string[], jobId = "") => {
      const { productKey, firmwareId } = DEFAULTS;
      const request = { productKey, firmwareId, deviceNames, jobId };
      return call.write(StreamCancelTasksByDeviceRequest.fromPartial({ sequence: sequence++, request }));
    },
    /** Devices whose requests were answered with success. */
    accepted: () =>
      answers.reduce(
        (sum, { result }) =>
          sum + (result?.$case === "response" && result.response.success ? result.response.results.length : 0),
        0,
      ),
  };
}

function devices(count: number, first = 0): string[] {
  return Array.from({ length: count }, (_, n) => seededName(first + n));
}

/** Requests of various sizes for so many devices in all. */
function requestsFor(total: number): string[][] {
  const sizes = [1, 700, 13, 2400, 199, 200, 201, 1];
  const requests: string[][] = [];
  for (let first = 0; first < total; ) {
    const size = Math.min(sizes[requests.length % sizes.length] as number, total - first);
    requests.push(devices(size, first));
    first += size;
  }
  return requests;
}

/** What an answer's error says, if it is one. */
function errorOf({ result }: Answer): string {
  return result?.$case === "error" ? (status[result.error.code] as string) : "";
}

describe.concurrent("StreamCancelTasksByDevice", () => {
  it("cancels 40,000 devices of one stream, each once, in full calls, and answers every request once", async (test) => {
    const { emulator, stream } = await setUp(test, { devices: 40_000, latencyMs: 5 }, PATIENT);
    const requests = requestsFor(40_000);
    const { call, send, answers, progress, ended } = stream("fleet");
    for (const deviceNames of requests) send(deviceNames);
    call.end();
    test.expect(await ended).toBeUndefined();
    test.expect(answers).toHaveLength(requests.length);
    for (const { sequence, result } of answers) {
      const response = result?.$case === "response" ? result.response : undefined;
      test.expect(response?.success).toBe(true);
      test.expect(response?.results.map(({ deviceName }) => deviceName)).toEqual(requests[Number(sequence)]);
    }
    test.expect(new Set(answers.map(({ sequence }) => sequence)).size).toBe(requests.length);
    const { arrivals, devicesCanceled, repeatedCancels, refused, worstSecond } = emulator.stats();
    test
      .expect({ devicesCanceled, repeatedCancels, refused })
      .toEqual({ devicesCanceled: 40_000, repeatedCancels: 0, refused: {} });
    test.expect(arrivals).toBeLessThan(1.1 * 200);
    test.expect(worstSecond).toBeLessThanOrEqual(QUOTA);
    test.expect(progress.length).toBeGreaterThan(0);
    for (const { devicesReceived, devicesSettled, devicesWaiting } of progress) {
      test.expect(devicesSettled + devicesWaiting).toBe(devicesReceived);
      test.expect(devicesReceived).toBeLessThanOrEqual(40_000n);
    }
  });

  it("answers bad requests and unknown devices among the others, and goes on", async (test) => {
    const { emulator, stream } = await setUp(test, { devices: 5000 });
    const { call, send, answers, ended } = stream("fleet");
    send(devices(100));
    send([]);
    send(["no"]);
    call.write(StreamCancelTasksByDeviceRequest.fromPartial({ sequence: 90n }));
    send(["device-nobody"]);
    send(devices(100, 100));
    call.end();
    test.expect(await ended).toBeUndefined();
    const told = new Map(answers.map((answer) => [Number(answer.sequence), errorOf(answer)]));
    test.expect(answers).toHaveLength(6);
    test.expect([...told].toSorted(([a], [b]) => a - b)).toEqual([
      [0, ""],
      [1, "INVALID_ARGUMENT"],
      [2, "INVALID_ARGUMENT"],
      [3, "NOT_FOUND"],
      [4, ""],
      [90, "INVALID_ARGUMENT"],
    ]);
    test.expect(emulator.stats()).toMatchObject({ devicesCanceled: 200, repeatedCancels: 0 });
  });

  it("stops reading while its devices wait for an upstream that hangs", async (test) => {
    const faultPlan = { rules: [{ fault: { kind: "hang", applied: false } }] } as const;
    const { stream, quota, opened } = await setUp(
      test,
      { devices: 10, faultPlan },
      { OTA_QUOTA_CALLS_PER_SECOND: "5" },
    );
    await opened();
    const { call, send } = stream("fleet");
    let written = 0;
    // A million devices; a client that respects flow control stops much earlier.
    while (written < 200 && send(devices(5000, written * 5000))) written++;
    test.expect(written).toBeLessThan(200);
    for (let n = 0; n < 60; n++) send(devices(5000, (written + n) * 5000));
    let most = 0n;
    await until(async () => {
      const { waitingDevices } = await quota();
      if (waitingDevices > most) most = waitingDevices;
      return most > 15_000n;
    });
    // Each is a way there and back past the stream, while the upstream answers nothing.
    for (let n = 0; n < 20; n++) {
      const { waitingDevices } = await quota();
      if (waitingDevices > most) most = waitingDevices;
    }
    test.expect(most).toBeLessThanOrEqual(25_000n);
    test.expect(call.writableNeedDrain).toBe(true);
    call.cancel();
    await until(async () => (await quota()).waitingDevices === 0n);
  });

  it("waits for room in a queue that is full, and fails nothing, with several streams at once", async (test) => {
    const bounds = { OTA_MAX_QUEUED_DEVICES: "3000", OTA_MAX_QUEUED_DEVICES_PER_CALLER: "2500", ...PATIENT };
    const { emulator, stream, quota } = await setUp(test, { devices: 24_000 }, bounds);
    const streams = ["a", "b", "c"].map((name) => stream(name));
    for (const [n, { call, send }] of streams.entries()) {
      for (let m = 0; m < 8; m++) send(devices(1000, (n * 8 + m) * 1000));
      call.end();
    }
    let most = 0n;
    const all = Promise.all(streams.map(({ ended }) => ended));
    let isOver = false;
    void all.then(() => {
      isOver = true;
    });
    await until(async () => {
      const { waitingDevices } = await quota();
      if (waitingDevices > most) most = waitingDevices;
      return isOver;
    });
    test.expect(await all).toEqual([undefined, undefined, undefined]);
    test.expect(streams.map(({ accepted }) => accepted())).toEqual([8000, 8000, 8000]);
    test.expect(most).toBeLessThanOrEqual(3000n);
    test.expect(emulator.stats()).toMatchObject({ devicesCanceled: 24_000, repeatedCancels: 0 });
  });

  it("says of a request that could never wait that it is invalid (was: the stream hung for ever)", async (test) => {
    const { stream } = await setUp(test, { devices: 500 }, { OTA_MAX_QUEUED_DEVICES: "300" });
    const { call, send, answers, ended } = stream("fleet");
    send(devices(301));
    send(devices(300));
    call.end();
    test.expect(await ended).toBeUndefined();
    test.expect(answers.map(errorOf)).toEqual(["INVALID_ARGUMENT", ""]);
  });

  it("sends nothing more of what its client gave up", async (test) => {
    const { emulator, stream, quota, opened } = await setUp(
      test,
      { devices: 20_000 },
      { OTA_QUOTA_CALLS_PER_SECOND: "10" },
    );
    await opened();
    const { call, send, ended } = stream("fleet");
    for (let n = 0; n < 4; n++) send(devices(5000, n * 5000));
    await until(() => emulator.stats().arrivals >= 3);
    call.cancel();
    test.expect(await ended).toMatchObject({ code: status.CANCELLED });
    await until(async () => (await quota()).waitingDevices === 0n);
    const { arrivals } = emulator.stats();
    const other = stream("other");
    other.send(devices(1, 19_999));
    other.call.end();
    await other.ended;
    // What was under way, and the other's call.
    test.expect(emulator.stats().arrivals).toBeLessThanOrEqual(arrivals + 2);
    test.expect(emulator.stats().devicesCanceled).toBeLessThanOrEqual((arrivals + 1) * 200 + 1);
  });

  it("shares the calls evenly with another stream in another scope, however small the requests of one are", async (test) => {
    const settings = { ...PATIENT, OTA_QUOTA_CALLS_PER_SECOND: "50" };
    const { emulator, stream } = await setUp(test, { devices: 40_000 }, settings);
    const streams = ["a", "b"].map((name) => stream(name));
    for (const [n, { call, send }] of streams.entries()) {
      // The first has ten times the requests, of a tenth of the devices each.
      const size = n === 0 ? 100 : 1000;
      for (let first = 0; first < 10_000; first += size)
        send(devices(size, n * 20_000 + first), n === 0 ? "" : DEFAULTS.jobId);
      call.end();
    }
    await until(() => streams.some(({ accepted }) => accepted() >= 8000));
    const [a, b] = streams.map(({ accepted }) => accepted()) as [number, number];
    // To within a request under way on each side, and a call.
    test.expect(Math.abs(a - b)).toBeLessThanOrEqual(2200);
    await Promise.all(streams.map(({ ended }) => ended));
    test.expect(emulator.stats()).toMatchObject({ devicesCanceled: 20_000, repeatedCancels: 0 });
  });

  it("answers what it has read when the gateway drains, and ends as unavailable", async (test) => {
    const { emulator, stream, stop, opened } = await setUp(
      test,
      { devices: 20_000 },
      { OTA_QUOTA_CALLS_PER_SECOND: "50" },
    );
    await opened();
    const { send, answers, accepted, ended } = stream("fleet");
    for (let n = 0; n < 20; n++) send(devices(1000, n * 1000));
    await until(() => answers.length >= 3);
    const stopped = stop();
    const failure = readFailure((await ended) as ServiceError);
    test.expect(failure).toMatchObject({ code: "UNAVAILABLE", reason: "DRAINING", domain: "ota.v1" });
    test.expect(failure.retryAfterMs).toBeGreaterThan(0);
    test.expect(Number(failure.pushback)).toBe(failure.retryAfterMs);
    await stopped;
    const refused = answers.filter((answer) => errorOf(answer) !== "");
    for (const answer of refused) test.expect(errorOf(answer)).toBe("UNAVAILABLE");
    // All answers are true, and nothing was sent without a waiting caller.
    test.expect(emulator.stats()).toMatchObject({ devicesCanceled: accepted(), repeatedCancels: 0 });
  });

  it("with a deadline has its last answers before it", async (test) => {
    const faultPlan = { rules: [{ skip: 2, fault: { kind: "hang", applied: false } }] } as const;
    const { stream, opened } = await setUp(test, { devices: 20_000, faultPlan }, { OTA_QUOTA_CALLS_PER_SECOND: "10" });
    await opened();
    const { call, send, answers, ended } = stream("fleet", 2500);
    for (let n = 0; n < 5; n++) send(devices(200, n * 200));
    send(devices(10_000, 1000));
    call.end();
    test.expect(await ended).toBeUndefined();
    test.expect(answers).toHaveLength(6);
    test.expect(answers.map(errorOf).toSorted()).toEqual([
      "",
      "",
      "DEADLINE_EXCEEDED", // the deadline is too short
      "UNKNOWN",
      "UNKNOWN",
      "UNKNOWN",
    ]);
  });
});
