// What it costs to trace every caller: processor time per rpc, with a receiver of the spans and with none that
// answers, against a grpc-js server that does nothing, turn about in one run. And what a receiver that is down
// leaves behind in memory.
import { fork } from "node:child_process";
import { once } from "node:events";
import { credentials, Metadata, type ServiceError } from "@grpc/grpc-js";
import { CancelTasksByDeviceRequest, OtaServiceClient } from "../src/gen/ota/v1/ota_service.js";
import { cpuMs, residentMb } from "./cpu.js";
import type { Goal } from "./goal.js";
import { median } from "./median.js";
import { type GatewayProcess, startBareServer, startGateway, startUpstream } from "./processes.js";

const IN_FLIGHT = 512;
const CONNECTIONS = 8;
const ROUNDS = 5;
const ROUND_MS = 3000;

/** Until the machine code of all is what it stays. */
const WARM_UP_ROUNDS = 3;

/** Under load with the receiver down; the first part fills what is bounded. */
const FILLING_MS = 20_000;
const LEAKING_MS = 60_000;

/** Nothing listens there, and connections are refused at once. */
const NOBODY = "http://127.0.0.1:9";

/** Or what grows would only be garbage that nobody needed to collect yet. A minute's spans would be hundreds of MB. */
const SMALL_HEAP = { NODE_OPTIONS: "--max-old-space-size=96" };

const QUOTA = { OTA_QUOTA_CALLS_PER_SECOND: "50" };

export async function telemetry(): Promise<Goal[]> {
  const upstream = await startUpstream(20, 20);
  const sink = await startSink();
  const bare = await startBareServer();
  const off = await startGateway(upstream, QUOTA);
  const on = await startGateway(upstream, { ...QUOTA, ...exportingTo(sink.url) });
  const down = await startGateway(upstream, { ...QUOTA, ...exportingTo(NOBODY) });
  const servers = [bare, off, on, down];
  for (let round = 0; round < WARM_UP_ROUNDS; round++) for (const server of servers) await load(server, ROUND_MS);
  const ratios: number[][] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const perRpcMs: number[] = [];
    for (const server of servers) perRpcMs.push(await load(server, ROUND_MS));
    ratios.push(perRpcMs.map((each) => each / (perRpcMs[0] as number)));
  }
  const [ofOff, ofOn, ofDown] = [1, 2, 3].map((n) => median(ratios.map((round) => round[n] as number)));
  const exportedBytes = await sink.bytes();
  for (const server of servers) await server.stop();
  const leaking = await startGateway(upstream, { ...QUOTA, ...exportingTo(NOBODY), ...SMALL_HEAP });
  await load(leaking, FILLING_MS);
  const filledMb = residentMb(leaking.pid);
  await load(leaking, LEAKING_MS);
  const grownMb = residentMb(leaking.pid) - filledMb;
  await leaking.stop();
  sink.stop();
  upstream.stop();
  return [
    { name: "telemetry off: processor time per rpc, of a bare server's", value: ofOff as number, most: 1.6 },
    { name: "telemetry on: the same", value: ofOn as number, most: 2 },
    { name: "telemetry on: exported, in MB", value: exportedBytes / 1e6, least: 1 },
    { name: "telemetry on, receiver down: the same", value: ofDown as number, most: 2 },
    {
      name: "telemetry on, receiver down: of one that is up",
      value: (ofDown as number) / (ofOn as number),
      most: 1.05,
    },
    { name: "telemetry on, receiver down: growth in a minute, in MB", value: grownMb, most: 40 },
  ];
}

function exportingTo(url: string): NodeJS.ProcessEnv {
  return { OTEL_SDK_DISABLED: "false", OTEL_EXPORTER_OTLP_ENDPOINT: url, OTEL_METRICS_EXPORTER: "none" };
}

async function startSink() {
  const child = fork(new URL("otlp-sink.ts", import.meta.url), { execArgv: ["--import", "tsx"] });
  const [port] = (await once(child, "message")) as [number];
  return {
    url: `http://127.0.0.1:${port}`,
    bytes: async () => {
      child.send("bytes");
      const [bytes] = (await once(child, "message")) as [number];
      return bytes;
    },
    stop: () => child.disconnect(),
  };
}

/** Processor time per rpc in ms, under a closed loop of one-device requests that are all sampled. */
async function load(server: GatewayProcess, forMs: number): Promise<number> {
  const clients = Array.from(
    { length: CONNECTIONS },
    () => new OtaServiceClient(server.grpc, credentials.createInsecure(), { "grpc.use_local_subchannel_pool": 1 }),
  );
  let rpcs = 0;
  const untilMs = performance.now() + forMs;
  const startMs = cpuMs(server.pid);
  const loop = async (n: number) => {
    const client = clients[n % CONNECTIONS] as OtaServiceClient;
    while (performance.now() < untilMs) {
      const id = (++rpcs).toString(16).padStart(16, "0");
      const metadata = new Metadata();
      metadata.set("x-ota-caller", `caller-${n % CONNECTIONS}`);
      metadata.set("traceparent", `00-${id}${id}-${id}-01`);
      await cancel(client, metadata, `device-${n}-${rpcs}`);
    }
  };
  await Promise.all(Array.from({ length: IN_FLIGHT }, (_, n) => loop(n)));
  const perRpcMs = (cpuMs(server.pid) - startMs) / rpcs;
  for (const client of clients) client.close();
  return perRpcMs;
}

function cancel(client: OtaServiceClient, metadata: Metadata, deviceName: string): Promise<void> {
  const request = { productKey: "a1Bench", firmwareId: "Bench030100", deviceNames: [deviceName] };
  return new Promise((resolve, reject) => {
    client.cancelTasksByDevice(
      CancelTasksByDeviceRequest.fromPartial(request),
      metadata,
      { deadline: Date.now() + 60_000 },
      (error: ServiceError | null) => (error ? reject(error) : resolve()),
    );
  });
}
