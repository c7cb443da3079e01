// What a request is told and what is sent for it, over the real gRPC port. Each test has a gateway and an
// emulator of its own, and they run side by side: a new gateway sends nothing for two seconds, so what is
// asked of it until then waits together.
import { describe, it, type TestContext } from "vitest";
import { type Environment, readConfig } from "../../src/config/config.js";
import { readFaultPlan } from "../../src/emulator/faults/fault-plan-reader.js";
import type { Fault } from "../../src/emulator/faults/faults.js";
import { DEFAULTS, type EmulatorOptions } from "../../src/emulator/options.js";
import { type Emulator, startEmulator } from "../../src/emulator/server.js";
import { seededName } from "../../src/emulator/state/seeded-name.js";
import { Outcome, Priority } from "../../src/gen/ota/v1/ota_service.js";
import { createLog } from "../../src/serve/logging/create-log.js";
import { serve } from "../../src/serve/serve.js";
import { type Caller, createCaller } from "../support/grpc-caller.js";
import { failureOf } from "../support/grpc-failure.js";
import { startHttpUpstream } from "../support/http-upstream.js";
import { KEYS, until, untilReady } from "../support/processes.js";

const BLOCKER = "device-blocker";

const HANGING: EmulatorOptions = { devices: 10, faults: () => ({ kind: "hang", applied: false }) };

/** No call ends by itself before the test does: what is answered, the deadline answered. */
const ENDLESS_CALLS = { OTA_UPSTREAM_TIMEOUT_MS: "120000", OTA_DEFAULT_DEADLINE_MS: "120000" };

/** The least that a caller with a deadline of 1 s has to be given. */
const LEAST_MS = 700;

function throttled(more: { readonly retryAfterMs?: number } = {}): Fault {
  return { kind: "error", shape: "gateway", status: 503, code: "Throttling.User", message: "slow down", ...more };
}

interface Bench {
  readonly emulator: Emulator;
  caller(name: string): Caller;
  /** Resolves once the gateway sends. */
  opened(): Promise<void>;
}

async function setUp(
  { onTestFinished }: TestContext,
  options: EmulatorOptions,
  settings: Environment = {},
): Promise<Bench> {
  const emulator = await startEmulator({ listen: "127.0.0.1:0", ...options });
  const environment = {
    ...KEYS,
    OTA_LISTEN: "127.0.0.1:0",
    OTA_ADMIN_LISTEN: "127.0.0.1:0",
    OTA_UPSTREAM_URL: emulator.url,
    OTA_UPSTREAM_TIMEOUT_MS: "3000",
    OTA_LOG_LEVEL: "silent",
    ...settings,
  };
  const config = readConfig(environment);
  const gateway = await serve(config, createLog(config.logLevel), environment);
  const callers: Caller[] = [];
  onTestFinished(async () => {
    for (const caller of callers) caller.close();
    await Promise.all([gateway.stop(), emulator.close()]); // calls that hang end with the emulator
  });
  return {
    emulator,
    caller(name) {
      const caller = createCaller(gateway.grpc, { "x-ota-caller": name });
      callers.push(caller);
      return caller;
    },
    opened: () => untilReady(`http://${gateway.admin}`),
  };
}

function devices(count: number, first = 0): string[] {
  return Array.from({ length: count }, (_, n) => seededName(first + n));
}

/**
 * A gateway whose only token is out, with a call that the upstream answers on `release`. Until then
 * all requests wait together, however long it takes to send them.
 */
async function setUpHeld(test: TestContext) {
  let release = () => {};
  const released = new Promise<void>((resolve) => {
    release = resolve;
  });
  const upstream = await startHttpUpstream(async ({ deviceNames: [first] }) => {
    if (first === BLOCKER) await released;
    return {};
  });
  test.onTestFinished(() => upstream.close());
  const settings = { ...ENDLESS_CALLS, OTA_UPSTREAM_URL: upstream.url, OTA_QUOTA_CALLS_PER_SECOND: "1" };
  const { caller } = await setUp(test, {}, settings);
  caller("blocker").cancel([BLOCKER]);
  await until(() => upstream.calls.length === 1);
  /** The calls sent after the held one. */
  const sent = () => upstream.calls.slice(1).map(({ deviceNames }) => deviceNames.toSorted());
  return { caller, release, sent };
}

/** Resolves once the gateway has taken what this caller asked before: it takes requests in their order. */
async function taken(caller: Caller): Promise<void> {
  await caller.cancel(devices(1), { validateOnly: true }).answer;
}

describe.concurrent("a deadline", () => {
  it("is kept when the upstream hangs: the caller learns that the outcome is not known", async (test) => {
    const { caller, opened } = await setUp(test, HANGING, ENDLESS_CALLS);
    await opened();
    const startMs = performance.now();
    const failure = await failureOf(caller("service-a").cancel(devices(2), {}, 1000).answer);
    test.expect(performance.now() - startMs).toBeGreaterThan(LEAST_MS);
    test.expect(failure).toMatchObject({
      code: "UNKNOWN",
      reason: "OUTCOME_UNKNOWN",
      domain: "ota.v1",
      metadata: { devices_unknown: "2" },
    });
    test.expect(failure.devices.map(({ resourceName }) => resourceName)).toEqual(devices(2));
  });

  it("is the configured one for a request that has none", async (test) => {
    const { caller, opened } = await setUp(test, HANGING, { ...ENDLESS_CALLS, OTA_DEFAULT_DEADLINE_MS: "1000" });
    await opened();
    const startMs = performance.now();
    const failure = await failureOf(caller("service-a").cancel(devices(2)).answer);
    test.expect(performance.now() - startMs).toBeGreaterThan(LEAST_MS);
    test.expect(failure).toMatchObject({ code: "UNKNOWN", reason: "OUTCOME_UNKNOWN" });
  });

  it("that cannot be kept is refused at once, and nothing is sent", async (test) => {
    // The account is paused for a minute.
    const { caller, emulator } = await setUp(
      test,
      { devices: 10, faults: () => throttled({ retryAfterMs: 60_000 }) },
      ENDLESS_CALLS,
    );
    const [a, b] = [caller("service-a"), caller("service-b")];
    const { leave } = b.cancel(devices(1, 5));
    await until(async () => {
      const { plan } = await b.cancel(devices(1), { validateOnly: true }).answer;
      return Number(plan?.expectedWait?.seconds) >= 30;
    });
    const refused = failureOf(a.cancel(devices(2), {}, 10_000).answer);
    const waiting = a.cancel(devices(2), {}, 100_000);
    const failure = await refused;
    test.expect(failure).toMatchObject({ code: "DEADLINE_EXCEEDED", reason: "DEADLINE_TOO_SHORT", domain: "ota.v1" });
    // It says when the same request would have been in time.
    test.expect(failure.retryAfterMs).toBeGreaterThan(0);
    test.expect(failure.retryAfterMs).toBeLessThan(60_000);
    test.expect(emulator.stats()).toMatchObject({ arrivals: 1, devicesCanceled: 0 });
    for (const leaveIt of [leave, waiting.leave]) leaveIt();
  });
});

describe.concurrent("a caller that leaves", () => {
  it("has nothing sent of what still waited, whatever was on its way", async (test) => {
    const { caller, emulator } = await setUp(test, { devices: 4001 });
    const leaver = caller("leaver").cancel(devices(4000));
    await until(() => emulator.stats().arrivals > 2);
    leaver.leave();
    test.expect(await failureOf(leaver.answer)).toMatchObject({ code: "CANCELLED" });
    await taken(caller("observer"));
    const { arrivals } = emulator.stats();
    await caller("other").cancel(devices(1, 4000)).answer;
    // One call of the leaver's may have been sent before it had left.
    const { devicesCanceled } = emulator.stats();
    test.expect(devicesCanceled).toBeLessThanOrEqual((arrivals + 1) * 200 + 1);
    test.expect(devicesCanceled).toBeLessThan(2000);
  });

  it("before anything is sent has nothing sent at all, and others' devices stay", async (test) => {
    const { caller, release, sent } = await setUpHeld(test);
    const [leaver, stayer] = [caller("leaver"), caller("stayer")];
    const left = leaver.cancel(devices(5));
    const stayed = stayer.cancel(devices(5, 3));
    await Promise.all([taken(leaver), taken(stayer)]);
    left.leave();
    await taken(leaver);
    release();
    test.expect(await stayed.answer).toMatchObject({ success: true });
    test.expect(sent()).toEqual([devices(5, 3).toSorted()]);
  });
});

describe.concurrent("callers whose devices share a call", () => {
  it("have a device that both ask for sent once, and are both told", async (test) => {
    const { caller, release, sent } = await setUpHeld(test);
    const [callerA, callerB] = [caller("service-a"), caller("service-b")];
    const a = callerA.cancel(devices(5));
    const b = callerB.cancel(devices(5, 3), { priority: Priority.URGENT });
    await Promise.all([taken(callerA), taken(callerB)]);
    release();
    const [answerA, answerB] = await Promise.all([a.answer, b.answer]);
    test.expect(answerA).toMatchObject({ success: true, calls: [{ deviceCount: 5 }] });
    test.expect(answerB).toMatchObject({ success: true, calls: [{ deviceCount: 5 }] });
    test.expect(answerA.calls[0]?.requestId).toBe(answerB.calls[0]?.requestId);
    test.expect(sent()).toEqual([devices(8).toSorted()]);
  });

  it("are isolated if one of them names an unknown device, and each learns about its own devices only", async (test) => {
    const { caller, emulator } = await setUp(test, { devices: 10 });
    const [good, bad] = [caller("service-a").cancel(devices(2)), caller("service-b").cancel(["device-nobody"])];
    const [answer, failure] = [await good.answer, await failureOf(bad.answer)];
    test.expect(answer).toMatchObject({ success: true });
    for (const { errorMessage } of answer.calls) test.expect(errorMessage).not.toContain("device-nobody");
    test.expect(failure).toMatchObject({
      code: "NOT_FOUND",
      domain: "iot.aliyuncs.com",
      metadata: { upstream_code: "iot.device.NotExistedDevice" },
    });
    test.expect(failure.devices.map(({ resourceName }) => resourceName)).toEqual(["device-nobody"]);
    test.expect(emulator.stats()).toMatchObject({ devicesCanceled: 2, repeatedCancels: 0 });
  });

  it("do not share it across update batches", async (test) => {
    const { caller, emulator } = await setUp(test, { devices: 10 });
    const all = caller("service-a").cancel(devices(2));
    const oneBatch = caller("service-b").cancel(devices(2, 5), { jobId: DEFAULTS.jobId });
    const wrongBatch = caller("service-c").cancel(devices(2, 7), { jobId: "NoSuchJob" });
    test.expect(await failureOf(wrongBatch.answer)).toMatchObject({ code: "NOT_FOUND", reason: "REJECTED" });
    test.expect(await all.answer).toMatchObject({ success: true });
    test.expect(await oneBatch.answer).toMatchObject({ success: true });
    test.expect(emulator.stats()).toMatchObject({ arrivals: 3, devicesCanceled: 4 });
  });
});

describe.concurrent("an upstream that misbehaves", () => {
  it("and throttles is asked again until it takes the devices, and the caller sees every attempt", async (test) => {
    const faults: EmulatorOptions["faults"] = ({ number }) => (number === 1 ? throttled() : undefined);
    const { caller } = await setUp(test, { devices: 10, faults });
    const { calls, success, results } = await caller("service-a").cancel(devices(2)).answer;
    test.expect(calls).toMatchObject([
      { success: false, code: "Throttling.User", attempts: 1 },
      { success: true, code: "", attempts: 2 },
    ]);
    test.expect(success).toBe(true);
    test.expect(results.map(({ outcome, callIndex }) => [outcome, callIndex])).toEqual([
      [Outcome.ACCEPTED, 1],
      [Outcome.ACCEPTED, 1],
    ]);
  });

  it("and calls the gateway's clock wrong, or itself busy, is asked again (was: rejected as the caller's mistake)", async (test) => {
    const rules = ["IllegalTimestamp", "SystemBusy"].map((code) => ({ times: 1, fault: { kind: "error", code } }));
    const faultPlan = readFaultPlan({ clockSkewMs: 14 * 60_000, rules });
    const { caller } = await setUp(test, { devices: 10, faultPlan });
    const { calls, success } = await caller("service-a").cancel(devices(2)).answer;
    // A caller learns no code about the gateway's own keys and clock.
    test.expect(calls).toMatchObject([
      { success: false, code: "" },
      { success: false, code: "SystemBusy" },
      { success: true, attempts: 3 },
    ]);
    test.expect(success).toBe(true);
  });

  it("and has disabled the gateway's key is an internal error", async (test) => {
    const faultPlan = readFaultPlan({ rules: [{ fault: { kind: "error", code: "Forbidden.AccessKeyDisabled" } }] });
    const { caller } = await setUp(test, { devices: 10, faultPlan });
    const failure = await failureOf(caller("service-a").cancel(devices(2)).answer);
    test.expect(failure).toMatchObject({ code: "INTERNAL", reason: "INTERNAL", pushback: "-1" });
  });

  it("and throttles until the deadline is reported as such, with a hint when to retry", async (test) => {
    const { caller, opened } = await setUp(test, { devices: 10, faults: () => throttled() });
    await opened();
    const failure = await failureOf(caller("service-a").cancel(devices(2), {}, 1500).answer);
    test.expect(failure).toMatchObject({ code: "RESOURCE_EXHAUSTED", reason: "THROTTLED", domain: "iot.aliyuncs.com" });
    test.expect(failure.retryAfterMs).toBeGreaterThan(0);
    test.expect(failure.pushback).toBe("-1"); // the retry would come after the deadline
  });

  it("and cannot be reached is reported as such, with a hint when to retry", async (test) => {
    const { caller, opened } = await setUp(test, {}, { OTA_UPSTREAM_URL: "http://127.0.0.1:1" });
    await opened();
    const failure = await failureOf(caller("service-a").cancel(devices(2), {}, 1000).answer);
    test.expect(failure).toMatchObject({ code: "UNAVAILABLE", reason: "UNAVAILABLE", domain: "ota.v1" });
    test.expect(failure.retryAfterMs).toBeGreaterThan(0);
    test.expect(failure.pushback).toBe("-1");
  });

  it("and does not accept the gateway's keys is an internal error that tells nothing of it", async (test) => {
    const { caller } = await setUp(test, { devices: 10, accessKeySecret: "another" });
    const failure = await failureOf(caller("service-a").cancel(devices(2)).answer);
    test.expect(failure).toMatchObject({ code: "INTERNAL", reason: "INTERNAL", domain: "ota.v1" });
    test.expect(failure.metadata).toEqual({ devices_internal: "2" });
  });
});

describe.concurrent("a queue that is full", () => {
  it("is said to whom it concerns, with a hint when to retry", async (test) => {
    const bounds = { OTA_MAX_QUEUED_DEVICES: "30", OTA_MAX_QUEUED_DEVICES_PER_CALLER: "20" };
    const { caller } = await setUp(test, { devices: 100 }, bounds);
    const [a, b] = [caller("service-a"), caller("service-b")];
    const waiting = [a.cancel(devices(20))];
    await taken(b);
    const ofCaller = await failureOf(a.cancel(devices(1, 20)).answer);
    waiting.push(b.cancel(devices(10, 30)));
    const inAll = await failureOf(b.cancel(devices(1, 40)).answer);
    test
      .expect(ofCaller)
      .toMatchObject({ code: "RESOURCE_EXHAUSTED", reason: "OVERLOADED", quotaSubjects: ["caller"] });
    test.expect(inAll).toMatchObject({ code: "RESOURCE_EXHAUSTED", reason: "OVERLOADED", quotaSubjects: ["gateway"] });
    for (const { pushback, retryAfterMs } of [ofCaller, inAll]) {
      test.expect(pushback).toMatch(/^\d+$/);
      test.expect(Number(pushback)).toBe(retryAfterMs);
    }
    for (const { answer } of waiting) test.expect(await answer).toMatchObject({ success: true });
  });
});
