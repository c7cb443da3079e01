// A small fleet back end: cancels updates of a few devices, cancels a list that survives restarts,
// and stops a whole rollout after a dry run.
//
//   node fleet.ts cancel NAME...                      one call
//   node fleet.ts submit REQUEST_ID FILE              a list: one name a line
//   node fleet.ts rollout                             the dry run: what a stop would reach
//   node fleet.ts stop REQUEST_ID [SETTLE_SECONDS]    the dry run, and then the stop
import { createReadStream } from "node:fs";
import { createInterface } from "node:readline";
import { connect, type DeviceResult, type Failure, OtaError, type Rollout } from "ota-gateway-client";
import { started } from "./operation.ts";

const {
  OTA_ADDRESS = "127.0.0.1:50051",
  OTA_TOKEN,
  OTA_PRODUCT_KEY: productKey = "a1EmulatorPk",
  OTA_FIRMWARE_ID: firmwareId = "EmulatedFirmware0000030100",
} = process.env;

/** Balancing, retries and keepalive are built in. */
const client = connect(
  OTA_ADDRESS,
  OTA_TOKEN ? { token: OTA_TOKEN, tls: true } : { caller: "fleet-node" }, // no token in plain text
);

/** Level 1: one call, of up to 10,000 devices. An error means that no device ended well. */
async function cancel(...deviceNames: string[]): Promise<void> {
  const request = { productKey, firmwareId, deviceNames, reason: "bad build 42" };
  const { results } = await client.cancelTasksByDevice(request, { timeoutMs: 30_000 });
  for (const result of results) printResult(result);
}

/** Level 2: a list of any length, which the gateway goes on with if this program ends. */
async function submit(requestId: string, file: string): Promise<void> {
  const operation = await started(client, requestId, () =>
    client.submit(
      createInterface({ input: createReadStream(file) }),
      { productKey, firmwareId, requestId, priority: "bulk", timeToLiveMs: 3_600_000 },
      { timeoutMs: 600_000 },
    ),
  );
  const { state, outcomes, failure } = await operation.wait({
    onProgress: ({ devicesWaiting, devices, obstacle }) =>
      console.error(devicesWaiting, "of", devices, "devices wait", obstacle),
  });
  console.log(state);
  for (const [outcome, devices] of Object.entries(outcomes)) console.log(" ", outcome, devices);
  if (failure) console.log(described(failure));
  // Devices that did not end well; the client reads page by page.
  for await (const result of operation.results({ outcomes: ["REJECTED", "UNKNOWN", "NOT_ATTEMPTED"] })) {
    printResult(result);
  }
}

/** Level 3, first half: shows what a stop would reach, and changes nothing. */
async function dryRun(): Promise<Rollout> {
  const rollout = await client.rollout({ productKey, firmwareId }, { timeoutMs: 30_000 });
  for (const { kind, status, counts, incomplete } of rollout.jobs) {
    const { confirm = 0, queued = 0, notified = 0, inProgress = 0, succeeded = 0 } = counts;
    const open = confirm + queued + notified + inProgress;
    console.log(kind, status, "open", open, "installed", succeeded);
    if (incomplete) console.log("  incomplete:", incomplete);
  }
  return rollout;
}

/** Level 3: stops what the dry run has shown. If another batch was opened since, nothing is done. */
async function stop(requestId: string, settleSeconds = "120"): Promise<void> {
  const operation = await started(client, requestId, async () => {
    const { etag } = await dryRun();
    const settleMs = Number(settleSeconds) * 1000;
    return client.stopRollout({ productKey, firmwareId, requestId, etag, settleMs, reason: "bad build 42" });
  });
  const { failure, stop } = await operation.wait({
    onProgress: ({ stop, obstacle }) => console.error(stop?.step, obstacle),
  });
  if (failure) throw new OtaError(failure);
  console.log("stopped", stop?.stopped);
  for (const { after, left, mayStillInstall } of stop?.jobs ?? []) {
    console.log(" ", after?.kind, "left", left, "may still install", mayStillInstall);
  }
}

function printResult({ deviceName, outcome, failure }: DeviceResult): void {
  console.log([deviceName, outcome, failure?.reason, failure?.upstreamCode].filter(Boolean).join(" "));
}

function described({ code, reason, message, violations, retryAfterMs }: Failure): string {
  const lines = [`${code} ${reason}: ${message}`];
  for (const { field, description } of violations) lines.push(`  ${field} ${description}`);
  if (retryAfterMs) lines.push(`  retry after ${(retryAfterMs / 1000).toFixed(1)} s`);
  return lines.join("\n");
}

const LEVELS: Readonly<Record<string, (...words: [string, string]) => Promise<unknown>>> = {
  cancel,
  submit,
  rollout: dryRun,
  stop,
};

const [level = "", ...words] = process.argv.slice(2);
const run = LEVELS[level];
if (!run)
  throw new Error("usage: cancel NAME... | submit REQUEST_ID FILE | rollout | stop REQUEST_ID [SETTLE_SECONDS]");
try {
  await run(...(words as [string, string]));
} catch (error) {
  if (!(error instanceof OtaError)) throw error;
  console.log(described(error));
  process.exitCode = 1;
}
client.close();
