// `ota-gateway cancel` stopped by Ctrl-C in the middle of a long list: it accounts for every name, and no more is
// UNKNOWN than what the cloud saw and had not answered. The upstream's calls take longer than a stopped run waits.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { connect } from "../../src/client/client.js";
import { DEFAULTS } from "../../src/emulator/options.js";
import { seededName } from "../../src/emulator/state/seeded-name.js";
import {
  type EmulatorProgram,
  endPrograms,
  type GatewayProgram,
  run,
  runEmulator,
  runGateway,
  until,
} from "../support/processes.js";
import { seededRandom } from "../support/seeded-random.js";

const DEVICES = 30_000;
const QUOTA = 40;
const LATENCY_MS = 2400;
/** The moment differs with the seed; `npm run histories` sets a fresh one. */
const random = seededRandom(Number(process.env["HISTORY_SEED"] ?? 20_261_129));
const folder = mkdtempSync(join(tmpdir(), "ota-gateway-stop-"));
const list = join(folder, "list.txt");
let emulator: EmulatorProgram;
let gateway: GatewayProgram;

beforeAll(async () => {
  writeFileSync(list, Array.from({ length: DEVICES }, (_, n) => seededName(n)).join("\n"));
  emulator = await runEmulator(
    "--quota",
    String(QUOTA),
    "--devices",
    String(DEVICES),
    "--latency-ms",
    String(LATENCY_MS),
  );
  gateway = await runGateway(emulator.url, { OTA_QUOTA_CALLS_PER_SECOND: String(QUOTA) });
  await gateway.opened();
});
afterAll(async () => {
  await endPrograms();
  rmSync(folder, { recursive: true, force: true });
});

describe("ota-gateway cancel at Ctrl-C", () => {
  it("leaves UNKNOWN what was under way, and accounts for the whole list (was: 20,000 UNKNOWN)", async () => {
    const results = join(folder, "results.jsonl");
    const scope = ["--product-key", DEFAULTS.productKey, "--firmware-id", DEFAULTS.firmwareId];
    const program = run([
      "cancel",
      "--address",
      gateway.grpc,
      ...scope,
      "--devices-file",
      list,
      "--output",
      results,
      "--json",
    ]);
    const calls = 1 + Math.floor(random() * QUOTA * 2);
    await until(async () => (await emulator.stats()).arrivals >= calls);
    program.kill("SIGINT");
    expect(await program.ended).toBe(1);
    const summary = JSON.parse(program.stdout);
    const { ACCEPTED = 0, UNKNOWN = 0, NOT_ATTEMPTED = 0 } = summary.outcomes;
    expect(ACCEPTED + UNKNOWN + NOT_ATTEMPTED).toBe(summary.devices);
    expect(summary.devices + summary.not_reached).toBe(DEVICES);
    expect(summary).toMatchObject({ interrupted: true, ok: ACCEPTED, failed: UNKNOWN + NOT_ATTEMPTED });
    // What was sent runs on to its end.
    const client = connect(gateway.grpc);
    onTestFinished(() => client.close());
    await until(async () => (await client.getQuota()).tokensInFlight === 0);
    expect((await emulator.stats()).devicesCanceled).toBe(ACCEPTED + UNKNOWN);
    expect(UNKNOWN).toBeGreaterThan(0);
    const rows = readFileSync(results, "utf8").trimEnd().split("\n");
    expect(rows).toHaveLength(summary.devices);
  });
});
