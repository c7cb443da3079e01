// What it costs to trace every caller: processor time per rpc, with a receiver of the spans and with none that
// answers, against a grpc-js server that does nothing, turn about in one run. And what a receiver that is down
// leaves behind in memory.
import { fork } from "node:child_process";
import { once } from "node:events";
import type { Variables } from "../../test/support/processes.js";
import { residentMb } from "../cpu.js";
import type { Measured } from "../goal.js";
import { load } from "../load.js";
import { median } from "../median.js";
import { type ServerProcess, startBareServer, startGateway, startUpstream, TAKES_ALL } from "../processes.js";

const ROUNDS = 4;
const ROUND_MS = 2500;

/** Until the machine code of all is what it stays. */
const WARM_UP_ROUNDS = 2;

/** Under load with the receiver down; the first part fills what is bounded. */
const FILLING_MS = 10_000;
const LEAKING_MS = 20_000;

/** Nothing listens there, and connections are refused at once. */
const NOBODY = "http://127.0.0.1:9";

/** Or what grows would only be garbage that nobody needed to collect yet. Their spans would be a hundred MB. */
const SMALL_HEAP = { NODE_OPTIONS: "--max-old-space-size=96" };

const LOAD = { forMs: ROUND_MS, isTraced: true };
const QUOTA = { OTA_QUOTA_CALLS_PER_SECOND: "50" };

export interface TelemetryFigures {
  /** Processor time per rpc, of a bare server's. */
  readonly ratios: { readonly off: number; readonly on: number; readonly down: number };
}

export async function telemetry(): Promise<Measured<TelemetryFigures>> {
  const upstream = await startUpstream("--latency-ms", "20", ...TAKES_ALL, "--quota", "1000");
  const sink = await startSink();
  const bare = await startBareServer();
  const off = await startGateway(upstream, QUOTA);
  const on = await startGateway(upstream, { ...QUOTA, ...exportingTo(sink.url) });
  const down = await startGateway(upstream, { ...QUOTA, ...exportingTo(NOBODY) });
  const servers: ServerProcess[] = [bare, off, on, down];
  for (let round = 0; round < WARM_UP_ROUNDS; round++) for (const server of servers) await load(server, LOAD);
  const ratios: number[][] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const perRpcMs: number[] = [];
    for (const server of servers) perRpcMs.push((await load(server, LOAD)).perRpcMs);
    ratios.push(perRpcMs.map((each) => each / (perRpcMs[0] as number)));
  }
  const ratioOf = (n: number) => median(ratios.map((round) => round[n] as number));
  const [ofOff, ofOn, ofDown] = [ratioOf(1), ratioOf(2), ratioOf(3)];
  const exportedBytes = await sink.bytes();
  for (const server of servers) await server.stop();
  const leaking = await startGateway(upstream, { ...QUOTA, ...exportingTo(NOBODY), ...SMALL_HEAP });
  await load(leaking, { ...LOAD, forMs: FILLING_MS });
  const filledMb = residentMb(leaking.pid);
  await load(leaking, { ...LOAD, forMs: LEAKING_MS });
  const grownMb = residentMb(leaking.pid) - filledMb;
  await leaking.stop();
  sink.stop();
  upstream.stop();
  return {
    goals: [
      { name: "telemetry off: processor time per rpc, of a bare server's", value: ofOff, most: 1.6 },
      { name: "telemetry on: the same", value: ofOn, most: 2 },
      { name: "telemetry on: exported, in MB", value: exportedBytes / 1e6, least: 1 },
      { name: "telemetry on, receiver down: the same", value: ofDown, most: 2 },
      { name: "telemetry on, receiver down: of one that is up", value: ofDown / ofOn, most: 1.05 },
      { name: "telemetry on, receiver down: growth in 20 s, in MB", value: grownMb, most: 40 },
    ],
    figures: { ratios: { off: ofOff, on: ofOn, down: ofDown } },
  };
}

function exportingTo(url: string): Variables {
  return { OTEL_SDK_DISABLED: "false", OTEL_EXPORTER_OTLP_ENDPOINT: url, OTEL_METRICS_EXPORTER: "none" };
}

async function startSink() {
  const child = fork(new URL("../otlp-sink.ts", import.meta.url), { execArgv: ["--import", "tsx"] });
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
