// The cost of tracing every caller: processor time for each rpc, with a working receiver of spans
// and with one that is down, compared with a grpc-js server that does nothing, alternating within
// one run. Also the memory that a receiver that is down leaves behind.
import { fork } from "node:child_process";
import { once } from "node:events";
import type { Variables } from "../../test/support/processes.js";
import { residentMb } from "../cpu.js";
import type { Measured } from "../goal.js";
import { load } from "../load.js";
import { startBareServer, startGateway, startUpstream, TAKES_ALL } from "../processes.js";
import { type Contestant, TurnAbout } from "../turn-about.js";

const ROUNDS = 3;
const ROUND_MS = 1800;

/** Of each kind. */
const PROCESSES = 2;

/** Under load with the receiver down. The first part fills everything that is bounded. */
const FILLING_MS = 10_000;
const LEAKING_MS = 20_000;

/** Nothing listens there, so connections are refused at once. */
const NOBODY = "http://127.0.0.1:9";

/**
 * Small, so that uncollected garbage is not mistaken for growth. The spans would take a hundred MB.
 */
const SMALL_HEAP = { NODE_OPTIONS: "--max-old-space-size=160", OTA_MAX_QUEUED_DEVICES: "100000" };

const LOAD = { forMs: ROUND_MS, isTraced: true };
const QUOTA = { OTA_QUOTA_CALLS_PER_SECOND: "50" };

export interface TelemetryFigures {
  /** Processor time for each rpc, relative to a bare server. */
  readonly ratios: { readonly off: number; readonly on: number; readonly down: number };
}

export async function telemetry(): Promise<Measured<TelemetryFigures>> {
  const upstream = await startUpstream("--latency-ms", "20", ...TAKES_ALL, "--quota", "1000");
  const sink = await startSink();
  const startEach = () => [
    startBareServer().then((server): Contestant => ["bare", server]),
    startGateway(upstream, QUOTA).then((server): Contestant => ["off", server]),
    startGateway(upstream, { ...QUOTA, ...exportingTo(sink.url) }).then((server): Contestant => ["on", server]),
    startGateway(upstream, { ...QUOTA, ...exportingTo(NOBODY) }).then((server): Contestant => ["down", server]),
  ];
  const servers = await Promise.all(Array.from({ length: PROCESSES }, startEach).flat());
  const turns = new TurnAbout();
  await turns.run(servers, ROUNDS, LOAD);
  const ratioOf = (who: string) => turns.ratio(who, "bare");
  const [ofOff, ofOn, ofDown] = [ratioOf("off"), ratioOf("on"), ratioOf("down")];
  const exportedBytes = await sink.bytes();
  for (const [, server] of servers) await server.stop();
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
