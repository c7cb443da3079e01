// The subcommand `demo`: starts the emulator with a seeded fleet and the gateway in front of it,
// lets 20 callers cancel 5,000 devices through the real gRPC port, and stops a rollout of 100,000.
// The figures of the cancels are the emulator's counts.
import { Command } from "commander";
import { nextSignal } from "../base/signals.js";
import { type Client, connect } from "../client/client.js";
import { type Environment, readConfig } from "../config/config.js";
import { DEFAULTS } from "../emulator/options.js";
import { type Emulator, type Stats, startEmulator } from "../emulator/server.js";
import { seededName } from "../emulator/state/seeded-name.js";
import type { Telemetry } from "../observe/telemetry/sdk.js";
import { settleTelemetryVariables } from "../observe/telemetry/variables.js";
import { rolloutToTry, stopRollout } from "./demo/stop-rollout.js";

const DEVICES = 5000;
const CALLERS = 20;
const DEVICES_PER_REQUEST = 5;
const QUOTA = 10;
const DEVICES_PER_CALL = 200;
const PROGRESS_MS = 250;

/** The settings of the gateway that apply; an address that is given is used, or the demo fails. */
const PORTS = ["OTA_LISTEN", "OTA_ADMIN_LISTEN"] as const;

export function demoCommand(): Command {
  return new Command("demo")
    .description(
      `Cancel ${DEVICES} devices for ${CALLERS} callers and stop a rollout, against the emulator; then stay up for you to try.`,
    )
    .addHelpText(
      "after",
      `\nIt listens at ${PORTS.join(" and ")}, if set; other settings of the\ngateway do not apply.`,
    )
    .option("--exit", "exit after that, with 0 only if the figures are right and the rollout is stopped")
    .exitOverride()
    .action(run);
}

async function run(flags: { readonly exit?: true }): Promise<void> {
  process.exitCode = 1; // until the figures are printed, even if the reader leaves before
  const { readMetrics, end: endTelemetry } = await startLocalTelemetry();
  const signal = nextSignal();
  const fleet = { devices: DEVICES, quota: QUOTA, latencyMs: 20, jitterMs: 20, simulate: true, updateSeconds: 600 };
  const emulator = await onFreePort(DEFAULTS.listen, (listen) => startEmulator({ ...fleet, listen }));
  const gateway = await startGateway(emulator, readMetrics);
  print(
    `The emulator stands in for the cloud at ${emulator.url}, with ${DEVICES} devices that have an update to cancel.`,
  );
  print(
    `The gateway listens at ${gateway.grpc}; ${CALLERS} callers ask it to cancel ${DEVICES_PER_REQUEST} devices in each request.`,
  );
  print("It sends nothing for its first two seconds, because calls of a predecessor could still be under way.\n");

  const left = new AbortController();
  void signal.then(() => left.abort());
  const right =
    (await Promise.race([cancelAll(gateway.grpc, emulator), signal.then(() => false)])) &&
    (await stopRollout(gateway.grpc, emulator, left.signal));
  process.exitCode = right ? 0 : 1;
  if (!flags.exit && right) {
    print(
      `Both stay up, and another firmware rolls out. Try this in another terminal:\n\n  ${tryIt(gateway.grpc, emulator)}\n\nCtrl-C ends them.`,
    );
    await signal;
  }
  void nextSignal().then(() => process.exit(1));
  await gateway.stop();
  await emulator.close();
  await endTelemetry();
  process.exit();
}

/**
 * Starts telemetry only if an OTEL_* variable asks for it. Otherwise the demo would wait at its end
 * for a collector that is not there.
 */
async function startLocalTelemetry(): Promise<Telemetry> {
  if (!Object.keys(process.env).some((name) => name.startsWith("OTEL_"))) {
    for (const signal of ["TRACES", "METRICS", "LOGS"]) process.env[`OTEL_${signal}_EXPORTER`] = "none";
  }
  for (const mistake of settleTelemetryVariables(process.env)) print(mistake);
  const { startTelemetry } = await import("../observe/telemetry/sdk.js");
  return startTelemetry(process.env);
}

async function startGateway(emulator: Emulator, readMetrics: Telemetry["readMetrics"]) {
  const { serve } = await import("../serve/serve.js");
  const { createLog } = await import("../serve/logging/create-log.js");
  const keys = {
    ALIBABA_CLOUD_ACCESS_KEY_ID: DEFAULTS.accessKeyId,
    ALIBABA_CLOUD_ACCESS_KEY_SECRET: DEFAULTS.accessKeySecret,
  };
  const given = PORTS.flatMap((name) => (process.env[name]?.trim() ? [[name, process.env[name]]] : []));
  const settings: Environment = {
    ...{ OTA_UPSTREAM_URL: emulator.url, OTA_LOG_LEVEL: "warn", ...keys },
    ...Object.fromEntries(given),
  };
  const config = readConfig(settings);
  const log = createLog(config.logLevel);
  return onFreePort("the gateway's ports", (_, free) => {
    const isFree = (name: (typeof PORTS)[number]) => free && settings[name] === undefined;
    const ports = {
      ...(isFree("OTA_LISTEN") && { listen: { ...config.listen, port: 0 } }),
      ...(config.adminListen && isFree("OTA_ADMIN_LISTEN") && { adminListen: { ...config.adminListen, port: 0 } }),
    };
    return serve({ ...config, ...ports }, log, settings, readMetrics);
  });
}

/** Uses the standard port, or any free one if that is taken. */
async function onFreePort<T>(standard: string, start: (address: string, free: boolean) => Promise<T>): Promise<T> {
  try {
    return await start(standard, false);
  } catch (error) {
    if (!/EADDRINUSE/.test(String(error))) throw error;
    return start("127.0.0.1:0", true);
  }
}

async function cancelAll(address: string, emulator: Emulator): Promise<boolean> {
  const clients = Array.from({ length: CALLERS }, (_, n) => connect(address, { caller: `service-${n + 1}` }));
  const requests = Array.from({ length: DEVICES / DEVICES_PER_REQUEST }, (_, n) =>
    Array.from({ length: DEVICES_PER_REQUEST }, (_, m) => seededName(n * DEVICES_PER_REQUEST + m)),
  );
  let accepted = 0;
  const show = () => showProgress(accepted, emulator.stats());
  const timer = setInterval(show, PROGRESS_MS);
  await Promise.all(
    requests.map(async (deviceNames, n) => {
      const client = clients[n % CALLERS] as Client;
      const { productKey, firmwareId } = DEFAULTS;
      const { success } = await client.cancelTasksByDevice({ productKey, firmwareId, deviceNames });
      if (success) accepted += deviceNames.length;
    }),
  ).catch((error: unknown) => print(`\nA request failed: ${error}`));
  clearInterval(timer);
  show();
  for (const client of clients) client.close();
  return report(accepted, await countsOf(emulator));
}

/** Asks over HTTP, as any client can. */
async function countsOf(emulator: Emulator): Promise<Stats> {
  const response = await fetch(`${emulator.url}/__stats`);
  return (await response.json()) as Stats;
}

function report(accepted: number, counts: Stats): boolean {
  const refused = Object.values(counts.refused).reduce((sum, n) => sum + n, 0);
  const idealMs = ((DEVICES / DEVICES_PER_CALL - 1) * (1000 + counts.meanAnswerMs)) / QUOTA;
  const seconds = (ms: number) => `${(ms / 1000).toFixed(2)} s`;
  print("\n\nThe emulator's counts:");
  print(`  devices canceled          ${counts.devicesCanceled} of ${DEVICES}, ${counts.repeatedCancels} twice`);
  print(`  calls                     ${counts.arrivals}, ${refused} refused`);
  print(`  devices per call          ${counts.devicesPerCall.toFixed(1)} of ${DEVICES_PER_CALL}`);
  print(`  most arrivals in a second ${counts.worstSecond} of ${QUOTA}`);
  print(`  first to last arrival     ${seconds(counts.spanMs)}, ideal ${seconds(idealMs)}\n`);
  return (
    accepted === DEVICES &&
    counts.devicesCanceled === DEVICES &&
    counts.repeatedCancels === 0 &&
    refused === 0 &&
    counts.worstSecond <= QUOTA
  );
}

function showProgress(accepted: number, { arrivals, devicesCanceled }: Stats): void {
  const line = `  ${devicesCanceled} of ${DEVICES} devices canceled in ${arrivals} calls, ${accepted} confirmed to callers`;
  if (process.stdout.isTTY) process.stdout.write(`\r\x1b[K${line}`);
  else print(line);
}

function tryIt(address: string, emulator: Emulator): string {
  const { productKey, firmwareId } = DEFAULTS;
  const command = `node dist/cli.js cancel --address ${address} --product-key ${productKey} --firmware-id ${firmwareId}`;
  const request = JSON.stringify({ product_key: productKey, firmware_id: firmwareId, device_names: [seededName(0)] });
  return `${rolloutToTry(address, emulator)}\n  ${command} ${seededName(0)}\n  grpcurl -plaintext -d '${request}' ${address} ota.v1.OtaService/CancelTasksByDevice`;
}

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}
