// The gateway and the emulator as processes, called as strangers would: with a plain gRPC client, a probe,
// and curl.
import { execFile } from "node:child_process";
import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { promisify } from "node:util";
import { credentials } from "@grpc/grpc-js";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { DEFAULTS } from "../../src/emulator/options.js";
import { seededName } from "../../src/emulator/state/seeded-name.js";
import { HealthCheckResponse_ServingStatus as Health, HealthClient } from "../../src/gen/grpc/health/v1/health.js";
import { Outcome } from "../../src/gen/ota/v1/ota_service.js";
import { type Caller, createCaller } from "../support/grpc-caller.js";
import { failureOf } from "../support/grpc-failure.js";
import { callByName, descriptorsOf } from "../support/grpc-reflection.js";
import {
  type EmulatorProgram,
  endPrograms,
  type GatewayProgram,
  runEmulator,
  runGateway,
  runScript,
} from "../support/processes.js";

const SERVICE = "ota.v1.OtaService";
const NO_SUCH_DEVICE = "device-nobody";

let emulator: EmulatorProgram;
let gateway: GatewayProgram;
let caller: Caller;
let nextDevice = 0;

beforeAll(async () => {
  emulator = await runEmulator("--devices", "5000");
  gateway = await runGateway(emulator.url);
  caller = createCaller(gateway.grpc);
});
afterAll(async () => {
  caller.close();
  await endPrograms();
});

/** Devices that no other test names. */
function devices(count: number): string[] {
  return Array.from({ length: count }, () => seededName(nextDevice++));
}

function requestJson(deviceNames: string[]) {
  return { productKey: DEFAULTS.productKey, firmwareId: DEFAULTS.firmwareId, deviceNames };
}

// First, for it lasts only two seconds.
describe("the admin port", () => {
  it("is not ready while calls of a predecessor could still be travelling, and then is", async () => {
    const opening = await fetch(`${gateway.admin}/readyz`);
    expect([opening.status, await opening.json()]).toEqual([
      503,
      { status: "opening", accounts: { default: { state: "opening", obstacle: expect.stringMatching(/opening/) } } },
    ]);
    await gateway.opened();
    const open = await fetch(`${gateway.admin}/readyz`);
    expect([open.status, await open.json()]).toEqual([
      200,
      { status: "ok", accounts: { default: { state: "unproven" } } },
    ]);
  });

  it("lives, knows no other paths, and takes no other methods", async () => {
    const statusOf = async (path: string, method = "GET") =>
      (await fetch(`${gateway.admin}${path}`, { method })).status;
    expect(await statusOf("/livez")).toBe(200);
    expect(await statusOf("/livez", "HEAD")).toBe(200);
    expect(await statusOf("/")).toBe(200);
    expect(await statusOf("/livez/x")).toBe(404);
    expect(await statusOf("/livez", "POST")).toBe(405);
  });
});

describe("a client that knows only the reflection service", () => {
  it("lists the services and cancels devices with buf curl", async () => {
    const services = (await bufCurl("--list-services")).trim().split("\n");
    expect(services).toContain(SERVICE);
    expect(services).toContain("grpc.health.v1.Health");
    expect(services).toContain("grpc.reflection.v1.ServerReflection");
    const names = devices(2);
    const answer = JSON.parse(
      await bufCurl("-d", JSON.stringify(requestJson(names)), `/${SERVICE}/CancelTasksByDevice`),
    );
    expect(answer).toMatchObject({
      results: names.map((deviceName) => ({ deviceName, outcome: "OUTCOME_ACCEPTED" })),
      calls: [{ deviceCount: 2, success: true, attempts: 1 }],
      success: true,
    });
  });

  it("can print with buf curl why a single device did not end well", async () => {
    const request = JSON.stringify(requestJson([...devices(200), NO_SUCH_DEVICE]));
    const answer = JSON.parse(await bufCurl("-d", request, `/${SERVICE}/CancelTasksByDevice`));
    expect(answer.results[200]).toMatchObject({
      outcome: "OUTCOME_REJECTED",
      status: {
        code: 5,
        details: [{ "@type": "type.googleapis.com/google.rpc.ErrorInfo", domain: "iot.aliyuncs.com" }],
      },
    });
  });

  it.each(["v1", "v1alpha"] as const)("builds a working client at run time from what %s tells", async (version) => {
    const registry = await descriptorsOf(gateway.grpc, version, SERVICE);
    const names = devices(3);
    expect(await callByName(gateway.grpc, registry, SERVICE, "CancelTasksByDevice", requestJson(names))).toMatchObject({
      results: names.map((deviceName) => ({ deviceName, outcome: "OUTCOME_ACCEPTED" })),
      success: true,
    });
  });

  /** Flags, and a path of the gateway as the last argument if it is one. */
  async function bufCurl(...args: string[]): Promise<string> {
    const path = args.at(-1)?.startsWith("/") ? args.pop() : "";
    const flags = ["curl", "--protocol", "grpc", "--http2-prior-knowledge", ...args, `http://${gateway.grpc}${path}`];
    const { stdout } = await promisify(execFile)("node_modules/@bufbuild/buf/bin/buf", flags);
    return stdout;
  }
});

describe("the health service", () => {
  it("answers Check, List and Watch for the server and for OtaService", async () => {
    const client = new HealthClient(gateway.grpc, credentials.createInsecure());
    const check = (service: string) =>
      new Promise((resolve, reject) =>
        client.check({ service }, (error, answer) => (error ? reject(error) : resolve(answer.status))),
      );
    expect(await check("")).toBe(Health.SERVING);
    expect(await check(SERVICE)).toBe(Health.SERVING);
    await expect(check("ota.v2.OtaService")).rejects.toMatchObject({ code: 5 });
    const list = new Promise((resolve, reject) =>
      client.list({}, (error, answer) => (error ? reject(error) : resolve(answer.statuses))),
    );
    expect(await list).toEqual({ "": { status: Health.SERVING }, [SERVICE]: { status: Health.SERVING } });
    const firstOf = async (service: string) => {
      const watch = client.watch({ service });
      watch.on("error", () => {}); // it is given up
      for await (const { status } of watch) {
        watch.cancel();
        return status;
      }
      return undefined;
    };
    expect(await firstOf(SERVICE)).toBe(Health.SERVING);
    expect(await firstOf("ota.v2.OtaService")).toBe(Health.SERVICE_UNKNOWN);
    client.close();
  });

  it("is what healthcheck.js asks: it exits 0, and 1 once nobody serves", async () => {
    const probed = await runGateway(emulator.url);
    const healthcheck = async (address = probed.grpc) => {
      const program = runScript("healthcheck.js", [], { OTA_LISTEN: address });
      return [await program.ended, program.stdout + program.stderr];
    };
    expect(await healthcheck()).toEqual([0, ""]);
    expect(await healthcheck(probed.admin.slice("http://".length))).toEqual([
      1,
      expect.stringMatching(/^unhealthy: 127\.0\.0\.1:\d+ \(OTA_LISTEN\) .+\n$/),
    ]);
    probed.kill("SIGTERM");
    expect(await probed.ended).toBe(0);
    const refused = `unhealthy: ${probed.grpc} (OTA_LISTEN) cannot be asked: connect ECONNREFUSED ${probed.grpc}\n`;
    expect(await healthcheck()).toEqual([1, refused]);
    const silent = createServer().listen(0, "127.0.0.1");
    await once(silent, "listening");
    const address = `127.0.0.1:${(silent.address() as AddressInfo).port}`;
    expect(await healthcheck(address)).toEqual([1, `unhealthy: ${address} (OTA_LISTEN) did not answer within 2 s\n`]);
    silent.close();
  });

  it("is enough for healthcheck.js where there is no admin port, unless it wants a certificate", async () => {
    const probed = await runGateway(emulator.url, { OTA_ADMIN_LISTEN: "off" });
    expect(probed.admin).toBe("off");
    const asked = { OTA_LISTEN: probed.grpc, OTA_ADMIN_LISTEN: "off" };
    expect(await runScript("healthcheck.js", [], asked).ended).toBe(0);
    const mute = runScript("healthcheck.js", [], { ...asked, OTA_TLS_CLIENT_CA: "ca.crt" });
    expect(await mute.ended).toBe(1);
    expect(mute.stderr).toMatch(/^unhealthy: off \(OTA_ADMIN_LISTEN\) leaves nothing to ask, because .*\n$/);
    probed.kill("SIGTERM");
    expect(await probed.ended).toBe(0);
  });
});

describe("CancelTasksByDevice", () => {
  it("lists every violation in the error details, and spends no quota", async () => {
    const { arrivals } = await emulator.stats();
    const request = {
      productKey: "",
      jobId: "a b",
      account: "other",
      priority: 9 as never,
      reason: "a\nb",
    };
    const failure = await failureOf(caller.cancel(["good-name", "bad name", "good-name"], request).answer);
    expect(failure).toMatchObject({
      code: "INVALID_ARGUMENT",
      reason: "INVALID_REQUEST",
      domain: "ota.v1",
      metadata: { violations: "7" },
      pushback: "-1",
    });
    expect(failure.violations.map(({ field }) => field)).toEqual([
      "product_key",
      "job_id",
      "account",
      "priority",
      "reason",
      "device_names[1]",
      "device_names[2]",
    ]);
    expect((await emulator.stats()).arrivals).toBe(arrivals);
  });

  it("is OK as soon as one device ended well, and tells about each", async () => {
    const names = [...devices(200), NO_SUCH_DEVICE];
    const { results, calls, success } = await caller.cancel(names).answer;
    expect(results.map(({ deviceName }) => deviceName)).toEqual(names);
    expect(
      results.slice(0, 200).every(({ outcome, callIndex }) => outcome === Outcome.ACCEPTED && callIndex === 0),
    ).toBe(true);
    expect(results[200]).toMatchObject({ outcome: Outcome.REJECTED, callIndex: 1, status: { code: 5 } });
    expect(calls).toMatchObject([
      { deviceCount: 200, success: true, code: "" },
      { deviceCount: 1, success: false, code: "iot.device.NotExistedDevice" },
    ]);
    expect(success).toBe(false);
  });

  it("is an error with require_all unless every device ended well", async () => {
    const failure = await failureOf(caller.cancel([...devices(200), NO_SUCH_DEVICE], { requireAll: true }).answer);
    expect(failure).toMatchObject({ code: "NOT_FOUND", metadata: { devices_rejected: "1" } });
    expect(failure.devices.map(({ resourceName }) => resourceName)).toEqual([NO_SUCH_DEVICE]);
    expect(await caller.cancel(devices(1), { requireAll: true }).answer).toMatchObject({ success: true });
  });

  it("tells of an unknown device what the upstream said, and under which request id", async () => {
    const failure = await failureOf(caller.cancel([NO_SUCH_DEVICE]).answer);
    expect(failure).toMatchObject({
      code: "NOT_FOUND",
      reason: "REJECTED",
      domain: "iot.aliyuncs.com",
      metadata: { upstream_code: "iot.device.NotExistedDevice", devices_rejected: "1" },
    });
    expect(failure.metadata["request_id"]).toMatch(/^[0-9A-F-]{36}$/);
  });

  it("plans with validate_only what it would take, and sends nothing", async () => {
    const { arrivals } = await emulator.stats();
    const names = devices(450);
    const { results, calls, success, plan } = await caller.cancel(names, { validateOnly: true }).answer;
    expect(results.map(({ deviceName }) => deviceName)).toEqual(names);
    expect(new Set(results.map(({ outcome }) => outcome))).toEqual(new Set([Outcome.NOT_ATTEMPTED]));
    expect([calls, success]).toEqual([[], false]);
    expect(plan?.calls).toBe(3);
    const failure = await failureOf(caller.cancel(["x"], { validateOnly: true }).answer);
    const description = "must be 4-32 of A-Za-z0-9-_@.:, has 1";
    expect(failure.violations).toEqual([{ field: "device_names[0]", description }]);
    await caller.cancel(devices(1)).answer; // whatever was queued before it would have gone with it
    expect((await emulator.stats()).arrivals).toBe(arrivals + 1);
  });
});
