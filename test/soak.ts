// `npm run soak [-- SECONDS [SEED [no-collector]]]`: one gateway under all that clients can do to it, at ten times the
// usual rate, so that ten minutes are more than an hour. What it holds is read after each round, when everybody has
// left. Its telemetry goes to a collector that is away for the first half of each round (`no-collector`: always). Exit
// 1 if what it holds grows from round to round. Loopback only.
import { once } from "node:events";
import { createServer } from "node:http";
import { sleepUntil, systemClock } from "../src/base/clock.js";
import { freePort } from "./support/free-port.js";
import { growthOf } from "./support/growth.js";
import { type Held, INSPECTABLE, inspect } from "./support/inspected.js";
import { endPrograms, runEmulator, runGateway } from "./support/processes.js";
import { seededRandom } from "./support/seeded-random.js";
import { noCounts } from "./support/soak-client.js";
import { welcome } from "./support/soak-clients.js";

const SECONDS = Number(process.argv[2] ?? 600);
const SEED = Number(process.argv[3] ?? Date.now() % 1_000_000);
const NO_COLLECTOR = process.argv[4] === "no-collector";

if (!(SECONDS >= 60)) {
  process.stderr.write("soak: it takes 60 seconds at least to tell warming up from growing\n");
  process.exit(2);
}

const QUOTA = 100;
const FLEET = 100_000;
const CALL_TIMEOUT_MS = 2000;
const ROUND_MS = Math.min(Math.max(SECONDS * 100, 15_000), 60_000);
const ROUNDS = Math.round((SECONDS * 1000) / ROUND_MS);
/** Until the tokens of lost calls are back. */
const REST_MS = 6000;

/** At ten calls a second, with 200 devices each. */
const HOUR = { calls: 36_000, devices: 7_200_000 };

/** What it may grow by, from the first round to the last. Noise is a tenth of it. */
const MOST_GROWTH: Partial<Held> = {
  heapMiB: 4,
  buffersMiB: 4,
  timerLists: 200,
  listeners: 200,
  signals: 20,
  openFiles: 10,
  handles: 10,
};

const random = seededRandom(SEED);
const wait = (ms: number) => sleepUntil(systemClock, systemClock.now() + ms);
const say = (text: string) => void process.stdout.write(`${text}\n`);

/** What the upstream does while clients are there. Throttles are few: after each the gateway yields for ten seconds. */
const FAULTS = {
  latencyMs: 20,
  jitterMs: 20,
  rules: [
    { skip: 300, times: 2, fault: { kind: "error", code: "Throttling.User", retryAfterMs: 200 } },
    { rate: 0.004, fault: { kind: "reset", applied: true } },
    { rate: 0.004, fault: { kind: "reset" } },
    { rate: 0.004, fault: { kind: "hang" } },
    { rate: 0.004, fault: { kind: "bad-gateway" } },
    { rate: 0.01, fault: { kind: "error", code: "iot.system.SystemException" } },
    { rate: 0.01, fault: { kind: "delay", delayMs: 300 } },
    { rate: 0.01, fault: { kind: "slow-body", bodyMs: 300 } },
  ],
};

const collector = createServer((request, response) => request.resume().on("end", () => response.end()));
const port = await freePort();
const open = () => once(collector.listen(port, "127.0.0.1"), "listening");
await open();
const collectorIsBack = async () => {
  if (!NO_COLLECTOR) await open();
};
const collectorGoes = async () => {
  if (!collector.listening) return;
  const closed = once(collector.close(), "close");
  collector.closeAllConnections();
  await closed;
};
if (NO_COLLECTOR) await collectorGoes();

const emulator = await runEmulator("--devices", String(FLEET), "--quota", String(QUOTA));
const setFaults = async (faults: object) => {
  const { ok } = await fetch(`${emulator.url}/__faults`, { method: "PUT", body: JSON.stringify(faults) });
  if (!ok) throw new Error("the emulator did not take the faults");
};
const gateway = await runGateway(emulator.url, {
  ...INSPECTABLE,
  OTA_QUOTA_CALLS_PER_SECOND: String(QUOTA),
  OTA_UPSTREAM_TIMEOUT_MS: String(CALL_TIMEOUT_MS),
  OTA_AUDIT_LOG: "/dev/null",
  OTA_LOG_LEVEL: "warn", // in which Node's own warnings are
  OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${port}`,
  OTEL_METRIC_EXPORT_INTERVAL: "5000",
});
await gateway.opened();
const inspector = await inspect(gateway);
const counts = noCounts();

const readings: Held[] = [];
async function tell(what: string): Promise<void> {
  const held = await inspector.read();
  readings.push(held);
  const numbers = Object.entries(held).map(
    ([name, value]) => `${name} ${name.endsWith("MiB") ? value.toFixed(1) : value}`,
  );
  say(`${what}: ${numbers.join(", ")} ${JSON.stringify(await inspector.handles())}`);
}

say(`seed ${SEED}, ${ROUNDS} rounds of ${ROUND_MS / 1000} s; Ctrl-C ends it`);
await tell("before");
for (let round = 1; round <= ROUNDS; round++) {
  await collectorGoes();
  await setFaults(FAULTS);
  const farewell = welcome({ gateway, fleet: FLEET, random, counts });
  await wait((ROUND_MS - REST_MS) / 2);
  await collectorIsBack();
  await setFaults({ ...FAULTS, refuseConnectionsMs: 500 });
  await wait((ROUND_MS - REST_MS) / 2);
  await farewell();
  await setFaults({ refuseConnectionsMs: 100 }); // which closes connections that wait to be used again
  await wait(REST_MS);
  const { arrivals } = await emulator.stats();
  await tell(`round ${round}, ${counts.rpcs} requests, ${arrivals} calls, ${counts.devicesAccepted} devices`);
}
inspector.close(); // or the gateway waits for it
gateway.kill("SIGTERM");
const code = await gateway.ended;

const stats = await emulator.stats();
say(JSON.stringify({ clients: Object.fromEntries(counts.byKind), ends: Object.fromEntries(counts.ends) }));
const hours = { calls: stats.arrivals / HOUR.calls, devices: counts.devicesAccepted / HOUR.devices };
say(`at ten calls a second: calls of ${hours.calls.toFixed(2)} hours, devices of ${hours.devices.toFixed(2)} hours`);

// Of the first round, in which its code was compiled, all that counts is where it ended.
const afterRounds = readings.slice(1);
const mistakes = Object.entries(MOST_GROWTH).flatMap(([name, most]) => {
  const growth = growthOf(afterRounds.map((held) => held[name as keyof Held]));
  say(`${name}: ${growth < 0 ? "" : "+"}${growth.toFixed(1)} from the first round to the last, at most +${most}`);
  return growth > most ? [`${name} grows by ${growth.toFixed(1)}`] : [];
});
const [warning] = /^.*Warning.*$/m.exec(gateway.stderr) ?? [];
if (warning) mistakes.push(warning);
if (code !== 0) mistakes.push(`the gateway ended with ${code}`);
if (stats.worstSecond > QUOTA) mistakes.push(`${stats.worstSecond} calls in one second`);
for (const mistake of mistakes) say(`WRONG: ${mistake} (seed ${SEED})`);
say(mistakes.length > 0 ? "it leaks, or worse" : "it holds no more than before");
await collectorGoes();
await endPrograms();
process.exit(mistakes.length > 0 ? 1 : 0);
