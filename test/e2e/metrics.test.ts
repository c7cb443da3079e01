// The metrics of the real program: as a scraper reads them, held against the emulator's own count; and as a
// collector gets them, also one that is not there.
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { credentials, Metadata } from "@grpc/grpc-js";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { DEFAULTS } from "../../src/emulator/options.js";
import type { Stats } from "../../src/emulator/server.js";
import { seededName } from "../../src/emulator/state/seeded-name.js";
import { CancelTasksByDeviceRequest, OtaServiceClient } from "../../src/gen/ota/v1/ota_service.js";
import { freePort } from "../support/free-port.js";
import { createCaller } from "../support/grpc-caller.js";
import {
  type EmulatorProgram,
  endPrograms,
  type GatewayProgram,
  KEYS,
  run,
  runEmulator,
  runGateway,
  until,
} from "../support/processes.js";
import { type Family, parsePrometheus, sumOf } from "../support/prometheus-text.js";

const CALLERS = 500;
const DEVICES_PER_REQUEST = 4;
const CONFIGURED = "fleet-backend";
const NOBODY = "device-of-nobody";
const TOKEN = "a-token-that-nobody-may-read";

afterAll(endPrograms);

async function scrape(admin: string): Promise<{ text: string; families: Map<string, Family> }> {
  const answer = await fetch(`${admin}/metrics`);
  expect(answer.status).toBe(200);
  expect(answer.headers.get("content-type")).toBe("text/plain; version=0.0.4; charset=utf-8");
  const text = await answer.text();
  return { text, families: parsePrometheus(text) };
}

describe("GET /metrics after requests of 501 callers, on an account with half the quota that the gateway assumes", () => {
  const directory = mkdtempSync(join(tmpdir(), "ota-gateway-metrics-"));
  let emulator: EmulatorProgram;
  let gateway: GatewayProgram;
  let stats: Stats;
  let text: string;
  let families: Map<string, Family>;
  const calls = (result: string) => sumOf(families, "ota_calls_total", { ota_result: result });

  beforeAll(async () => {
    writeFileSync(join(directory, "config.yaml"), `callers: { ${CONFIGURED}: { weight: 2 }, "*": {} }\n`);
    emulator = await runEmulator("--devices", "5000", "--quota", "5");
    gateway = await runGateway(emulator.url, {
      OTA_CONFIG: join(directory, "config.yaml"),
      OTA_ADMIN_TOKEN: TOKEN,
      OTEL_METRICS_EXPORTER: "none",
      OTEL_TRACES_EXPORTER: "none",
      OTEL_LOGS_EXPORTER: "none",
    });
    await gateway.opened();
    const client = new OtaServiceClient(gateway.grpc, credentials.createInsecure());
    const cancel = (caller: string, deviceNames: string[]) =>
      new Promise<void>((resolve) => {
        const { productKey, firmwareId } = DEFAULTS;
        const metadata = new Metadata();
        metadata.set("x-ota-caller", caller);
        const request = CancelTasksByDeviceRequest.fromPartial({ productKey, firmwareId, deviceNames });
        client.cancelTasksByDevice(request, metadata, () => resolve());
      });
    const names = (n: number) =>
      Array.from({ length: DEVICES_PER_REQUEST }, (_, k) => seededName(n * DEVICES_PER_REQUEST + k));
    const requests = Array.from({ length: CALLERS }, (_, n) => cancel(`service-${n}`, names(n)));
    requests.push(cancel(CONFIGURED, names(CALLERS)), cancel(CONFIGURED, [NOBODY]), cancel(CONFIGURED, ["bad name"]));
    await Promise.all(requests);
    client.close();
    stats = await emulator.stats();
    ({ text, families } = await scrape(gateway.admin));
  });
  afterAll(() => rmSync(directory, { recursive: true }));

  it("counts the calls that the emulator counted, by how they ended", () => {
    const { "Throttling.User": throttled = 0, ...others } = stats.refused;
    const refused = Object.values(others).reduce((sum, count) => sum + count, 0);
    expect(throttled).toBeGreaterThan(0);
    expect(refused).toBeGreaterThan(0);
    expect({
      accepted: calls("accepted"),
      refused: calls("refused"),
      throttled: calls("throttled"),
      lost: calls("lost"),
      unwritten: calls("unwritten"),
    }).toEqual({ accepted: stats.succeeded, refused, throttled, lost: 0, unwritten: 0 });
    expect(sumOf(families, "ota_call_devices_count")).toBe(stats.arrivals);
    expect(sumOf(families, "ota_call_duration_seconds_count")).toBe(stats.arrivals);
    expect(sumOf(families, "ota_call_token_wait_seconds_count")).toBe(stats.arrivals);
  });

  it("counts the devices that the emulator canceled, by caller and outcome", () => {
    const devices = (caller: string, outcome: string) =>
      sumOf(families, "ota_devices_total", { ota_caller: caller, ota_outcome: outcome });
    expect(devices("other", "accepted")).toBe(CALLERS * DEVICES_PER_REQUEST);
    expect(devices(CONFIGURED, "accepted")).toBe(DEVICES_PER_REQUEST);
    expect(devices(CONFIGURED, "rejected")).toBe(1);
    expect(stats.devicesPerCall * stats.succeeded).toBeCloseTo((CALLERS + 1) * DEVICES_PER_REQUEST);
  });

  it("counts rpcs by status, those that were not let in too", () => {
    const rpcs = (status: string) =>
      sumOf(families, "rpc_server_call_duration_seconds_count", { rpc_status_code: status });
    expect([rpcs("OK"), rpcs("NOT_FOUND"), rpcs("INVALID_ARGUMENT")]).toEqual([CALLERS + 1, 1, 1]);
  });

  it("tells what the gateway has learned of the account", () => {
    expect(sumOf(families, "ota_quota_rate_per_second")).toBe(10);
    expect(sumOf(families, "ota_tokens")).toBe(10);
    expect(sumOf(families, "ota_tokens", { ota_token_state: "withheld" })).toBeGreaterThan(0);
    expect(sumOf(families, "ota_ledger_mode", { ota_ledger_mode: "in-process" })).toBe(1);
    expect(sumOf(families, "ota_queue_devices")).toBe(0);
  });

  it("has no more series than callers are configured, and names no device, no other caller and no secret", () => {
    expect(families.get("ota_devices_total")?.samples).toHaveLength(2 * 7);
    expect(text.split("\n").length).toBeLessThan(320);
    for (const secret of [TOKEN, KEYS["ALIBABA_CLOUD_ACCESS_KEY_SECRET"], NOBODY, seededName(0), "service-1"]) {
      expect(text).not.toContain(secret);
    }
  });
});

describe("a collector", () => {
  it("gets the same metrics, and neither it nor a scraper the flags of the program", async () => {
    const bodies: { readonly path: string; readonly body: string }[] = [];
    const collector = createServer(async (request, response) => {
      let body = "";
      for await (const chunk of request.setEncoding("utf8")) body += chunk;
      bodies.push({ path: request.url ?? "", body });
      response.setHeader("content-type", "application/json").end("{}");
    }).listen(0, "127.0.0.1");
    await once(collector, "listening");
    const program = run(["serve", "--listen", "127.0.0.1:0"], {
      ...KEYS,
      OTA_ADMIN_LISTEN: "127.0.0.1:0",
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${(collector.address() as AddressInfo).port}`,
      OTEL_EXPORTER_OTLP_PROTOCOL: "http/json",
      OTEL_METRIC_EXPORT_INTERVAL: "200",
      OTEL_METRIC_EXPORT_TIMEOUT: "200",
    });
    const [, admin = ""] = await program.said(/admin (\S+)$/m);
    const pushed = () => bodies.filter(({ path }) => path === "/v1/metrics");
    await until(() => pushed().length > 0);
    const { text, families } = await scrape(admin);
    const names = new Set(
      [...(pushed()[0]?.body ?? "").matchAll(/"name":"((?:ota|rpc|process|v8js|nodejs)\.[^"]*)"/g)].map(
        ([, name]) => name,
      ),
    );
    const printed = new Set(
      [...families.keys()].map((name) => name.replace(/_total$/, "").replace(/_(seconds|bytes|per_second)$/, "")),
    );
    expect(new Set([...names].map((name) => name?.replaceAll(".", "_")))).toEqual(printed);
    program.kill("SIGTERM");
    expect(await program.ended).toBe(0);
    collector.close();
    expect(pushed()[0]?.body).toContain("ota-gateway");
    for (const told of [text, ...bodies.map(({ body }) => body)]) expect(told).not.toContain("--listen");
  });

  it("that is down costs no line in the log and no answer, and does not keep the gateway from ending", async () => {
    const emulator = await runEmulator("--devices", "10");
    const gateway = await runGateway(emulator.url, {
      OTEL_EXPORTER_OTLP_ENDPOINT: "http://127.0.0.1:9",
      OTEL_METRIC_EXPORT_INTERVAL: "50",
      OTEL_METRIC_EXPORT_TIMEOUT: "50",
      OTEL_BSP_SCHEDULE_DELAY: "50",
    });
    await gateway.opened();
    const caller = createCaller(gateway.grpc);
    await caller.cancel([seededName(0)]).answer;
    caller.close();
    const { families } = await scrape(gateway.admin);
    expect(sumOf(families, "ota_calls_total", { ota_result: "accepted" })).toBe(1);
    gateway.kill("SIGTERM");
    expect(await gateway.ended).toBe(0);
    const logged = gateway.stderr.split("\n").filter((line) => line !== "");
    expect(logged.map((line) => JSON.parse(line).msg).toSorted()).toEqual([
      "draining; a second signal ends at once",
      "rpc",
      "started",
      "upstream call",
    ]);
  });
});

describe("OTEL_SDK_DISABLED", () => {
  it("leaves /metrics empty, with the reason", async () => {
    const gateway = await runGateway("http://127.0.0.1:9", { OTEL_SDK_DISABLED: "true" });
    const { text, families } = await scrape(gateway.admin);
    expect(families.size).toBe(0);
    expect(text).toContain("OTEL_SDK_DISABLED");
  });
});

describe("OTEL_METRICS_EXPORTER=prometheus", () => {
  it("opens no port beside the one of the admin server", async () => {
    const port = await freePort();
    const gateway = await runGateway("http://127.0.0.1:9", {
      OTEL_METRICS_EXPORTER: "prometheus",
      OTEL_EXPORTER_PROMETHEUS_PORT: String(port),
    });
    const { families } = await scrape(gateway.admin);
    expect(families.size).toBeGreaterThan(0);
    await expect(fetch(`http://127.0.0.1:${port}/metrics`)).rejects.toThrow();
  });
});
