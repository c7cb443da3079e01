// How a gateway ends by a signal; by force: kills.test.ts. Real processes, and the emulator's own count.
import { credentials } from "@grpc/grpc-js";
import { afterEach, describe, expect, it } from "vitest";
import { seededName } from "../../src/emulator/state/seeded-name.js";
import { HealthCheckResponse_ServingStatus as Health, HealthClient } from "../../src/gen/grpc/health/v1/health.js";
import { Outcome } from "../../src/gen/ota/v1/ota_service.js";
import { type Caller, createCaller, type Rpc } from "../support/grpc-caller.js";
import { failureOf, type RpcFailure } from "../support/grpc-failure.js";
import {
  type EmulatorProgram,
  endPrograms,
  type GatewayProgram,
  runEmulator,
  runGateway,
  until,
} from "../support/processes.js";
import { waitingDevices } from "../support/waiting-devices.js";

const DEVICES_PER_REQUEST = 5;

/** A gateway that waits for somebody waits longer than the test. */
const NO_END = { OTA_DRAIN_TIMEOUT_MS: "3600000", OTA_UPSTREAM_TIMEOUT_MS: "120000" };

const callers: Caller[] = [];
afterEach(async () => {
  for (const caller of callers.splice(0)) caller.close();
  await endPrograms();
});

function callerOf(gateway: GatewayProgram, name: string, patient = false): Caller {
  const caller = createCaller(gateway.grpc, { "x-ota-caller": name }, patient);
  callers.push(caller);
  return caller;
}

/** So many small requests of 20 callers, all at once. */
function manyRequests(gateway: GatewayProgram, count: number): Rpc[] {
  const twenty = Array.from({ length: 20 }, (_, n) => callerOf(gateway, `service-${n}`));
  return Array.from({ length: count }, (_, n) => (twenty[n % 20] as Caller).cancel(namesOf(n)));
}

function namesOf(request: number): string[] {
  return Array.from({ length: DEVICES_PER_REQUEST }, (_, n) => seededName(request * DEVICES_PER_REQUEST + n));
}

function expectDraining(failure: RpcFailure): void {
  expect(failure).toMatchObject({ code: "UNAVAILABLE", reason: "DRAINING", domain: "ota.v1" });
  expect(failure.pushback).toMatch(/^\d+$/);
  expect(Number(failure.pushback)).toBe(failure.retryAfterMs);
}

/** A request still in transit when the port closes gets no answer from the gateway. */
async function untilAllHaveArrived(gateway: GatewayProgram, emulator: EmulatorProgram, devices: number): Promise<void> {
  await until(async () => {
    // In this order: a device that is canceled between the two must not count twice.
    const { arrivals, devicesCanceled } = await emulator.stats();
    const waiting = await waitingDevices(gateway.grpc);
    return arrivals > 0 && waiting + devicesCanceled >= devices;
  });
}

describe("SIGTERM", () => {
  it("in the middle of 5,000 waiting devices: everybody is answered, newcomers are sent away, and it exits 0", async () => {
    const emulator = await runEmulator("--devices", "5001", "--latency-ms", "20", "--jitter-ms", "20");
    // Slow, so that it still drains when newcomers come.
    const gateway = await runGateway(emulator.url, { ...NO_END, OTA_QUOTA_CALLS_PER_SECOND: "4" });
    const health = new HealthClient(gateway.grpc, credentials.createInsecure());
    const watch = health.watch({ service: "ota.v1.OtaService" });
    const watched: Health[] = [];
    watch.on("data", ({ status }: { status: Health }) => watched.push(status));
    watch.on("error", () => {}); // the connection goes at the end
    const requests = manyRequests(gateway, 1000);
    await untilAllHaveArrived(gateway, emulator, 5000);

    gateway.kill("SIGTERM");
    await gateway.said(/"draining; a second signal ends at once"/);
    expectDraining(await failureOf(callerOf(gateway, "newcomer").cancel([seededName(5000)]).answer));
    expectDraining(
      await failureOf(callerOf(gateway, "planner").cancel([seededName(5000)], { validateOnly: true }).answer),
    );
    const checked = new Promise((resolve, reject) =>
      health.check({ service: "" }, (error, answer) => (error ? reject(error) : resolve(answer.status))),
    );
    expect(await checked).toBe(Health.NOT_SERVING);
    const ready = await fetch(`${gateway.admin}/readyz`);
    expect([ready.status, await ready.json()]).toEqual([
      503,
      { status: "draining", accounts: { default: { state: "canceling" } } },
    ]);
    expect((await fetch(`${gateway.admin}/livez`)).status).toBe(200);

    const answers = await Promise.all(requests.map(({ answer }) => answer));
    expect(answers.filter(({ success }) => success)).toHaveLength(1000);
    expect(await gateway.ended).toBe(0);
    expect(watched).toEqual([Health.SERVING, Health.NOT_SERVING]);
    health.close();
    expect(await emulator.stats()).toMatchObject({ devicesCanceled: 5000, repeatedCancels: 0, refused: {} });
  });

  it("tells those who still wait after OTA_DRAIN_TIMEOUT_MS that it is draining", async () => {
    const emulator = await runEmulator("--devices", "10000");
    // So slow that most still wait when the last request has arrived.
    const gateway = await runGateway(emulator.url, { OTA_DRAIN_TIMEOUT_MS: "300", OTA_QUOTA_CALLS_PER_SECOND: "1" });
    const requests = manyRequests(gateway, 2000);
    await untilAllHaveArrived(gateway, emulator, 10_000);
    gateway.kill("SIGTERM");
    const outcomes = await Promise.allSettled(requests.map(({ answer }) => answer));
    const failed = outcomes.flatMap((outcome, n) => (outcome.status === "rejected" ? [n] : []));
    expect(failed.length).toBeGreaterThan(500);
    const failures = await Promise.all(failed.map((n) => failureOf((requests[n] as Rpc).answer)));
    // Callers with devices in flight at that moment get an unknown outcome.
    const known = failures.filter(({ reason }) => reason !== "OUTCOME_UNKNOWN");
    expect(known.filter(({ reason }) => reason !== "DRAINING")).toEqual([]);
    known.forEach(expectDraining);
    expect(await gateway.ended).toBe(0);
    // All answers are true, even where only some devices of a request were sent.
    const results = outcomes.flatMap((outcome) => (outcome.status === "fulfilled" ? outcome.value.results : []));
    const accepted = results.filter(({ outcome }) => outcome === Outcome.ACCEPTED);
    const notSaid = (await emulator.stats()).devicesCanceled - accepted.length;
    expect(notSaid).toBeGreaterThanOrEqual(0);
    // Also where most devices of the request have another outcome: calls are cut by device.
    const unknownDevices = [
      ...failures.map(({ metadata }) => Number(metadata["devices_unknown"] ?? 0)),
      results.filter(({ outcome }) => outcome === Outcome.UNKNOWN).length,
    ];
    expect(notSaid).toBeLessThanOrEqual(unknownDevices.reduce((sum, devices) => sum + devices, 0));
  });

  it("twice ends it without waiting for anybody", async () => {
    const emulator = await runEmulator("--devices", "5000", "--latency-ms", "600000");
    const gateway = await runGateway(emulator.url, NO_END);
    const [request] = manyRequests(gateway, 1);
    await callerOf(gateway, "observer").cancel([seededName(9)], { validateOnly: true }).answer;
    gateway.kill("SIGTERM");
    await gateway.said(/"draining; a second signal ends at once"/);
    gateway.kill("SIGINT");
    expect(await gateway.ended).toBe(1);
    expect(await failureOf((request as Rpc).answer)).toMatchObject({ code: "UNAVAILABLE" });
  });

  it("ends an idle gateway without waiting for those who are connected", async () => {
    const gateway = await runGateway("http://127.0.0.1:1", NO_END);
    const health = new HealthClient(gateway.grpc, credentials.createInsecure());
    for (const service of ["", "no.such.Service"]) {
      const watch = health.watch({ service });
      await new Promise((resolve) => watch.once("data", resolve));
      watch.on("error", () => {});
    }
    gateway.kill("SIGTERM");
    expect(await gateway.ended).toBe(0);
    health.close();
  });
});
