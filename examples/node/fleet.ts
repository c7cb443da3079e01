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

const USAGE = "usage: cancel NAME... | submit REQUEST_ID FILE | rollout | stop REQUEST_ID [SETTLE_SECONDS]";

const { OTA_ADDRESS, OTA_TOKEN, OTA_PRODUCT_KEY, OTA_FIRMWARE_ID } = process.env; // empty counts as unset
const productKey = OTA_PRODUCT_KEY || "a1EmulatorPk";
const firmwareId = OTA_FIRMWARE_ID || "EmulatedFirmware0000030100";

/** Balancing, retries and keepalive are built in. */
const client = connect(
  OTA_ADDRESS || "127.0.0.1:50051",
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
      namesIn(file),
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

/** Reads the file line by line, no faster than the gateway takes the names. */
async function* namesIn(file: string): AsyncGenerator<string> {
  for await (const line of createInterface({ input: createReadStream(file) })) {
    if (line.trim() !== "") yield line.trim();
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
async function stop(requestId: string, settleSeconds = 120): Promise<void> {
  const operation = await started(client, requestId, async () => {
    const { etag } = await dryRun();
    const settleMs = settleSeconds * 1000;
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

async function run([level, ...words]: readonly string[]): Promise<void> {
  const [first = "", second = ""] = words;
  if (level === "cancel" && words.length > 0) await cancel(...words);
  else if (level === "submit" && words.length === 2) await submit(first, second);
  else if (level === "rollout" && words.length === 0) await dryRun();
  else if (level === "stop" && words.length === 1) await stop(first);
  else if (level === "stop" && words.length === 2 && /^\d+$/.test(second)) await stop(first, Number(second));
  else {
    console.error(USAGE);
    process.exitCode = 2;
  }
}

try {
  await run(process.argv.slice(2));
} catch (error) {
  if (!(error instanceof OtaError)) throw error;
  console.log(described(error));
  process.exitCode = 1;
}
client.close();
