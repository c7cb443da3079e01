// `npm run bench [NAME…]`: runs every measurement, or those named. Prints one line for each figure,
// writes results and pictures into bench/results/, and exits with 1 if a figure misses its bound.
// `--check` runs a shortened part in less than two minutes, and writes nothing. `--plots` only
// draws the pictures again.
import { loadavg } from "node:os";
import { endPrograms } from "../test/support/processes.js";
import { endRedis } from "../test/support/redis.js";
import { describeGoal, isReached, type Scenario } from "./goal.js";
import { drawPictures } from "./plots/pictures.js";
import { writeResult, writeTable } from "./results.js";
import { accounts } from "./scenarios/accounts.js";
import { answerTimes } from "./scenarios/answer-times.js";
import { bystander } from "./scenarios/bystander.js";
import { distantRedis } from "./scenarios/distant-redis.js";
import { endings } from "./scenarios/endings.js";
import { flood } from "./scenarios/flood.js";
import { growth } from "./scenarios/growth.js";
import { handshakes } from "./scenarios/handshakes.js";
import { idleLatency } from "./scenarios/idle-latency.js";
import { ingest } from "./scenarios/ingest.js";
import { memory } from "./scenarios/memory.js";
import { million, operations } from "./scenarios/operations.js";
import { poison } from "./scenarios/poison.js";
import { replicas } from "./scenarios/replicas.js";
import { longNames, rollout } from "./scenarios/rollout.js";
import { stale } from "./scenarios/stale.js";
import { stop } from "./scenarios/stop.js";
import { stream } from "./scenarios/stream.js";
import { telemetry } from "./scenarios/telemetry.js";

const SCENARIOS: Readonly<Record<string, Scenario>> = {
  rollout,
  "long-names": longNames,
  "answer-times": answerTimes,
  bystander,
  flood,
  handshakes,
  poison,
  stale,
  stop,
  replicas,
  "distant-redis": distantRedis,
  accounts,
  idle: idleLatency,
  ingest,
  telemetry,
  memory,
  stream,
  growth,
  endings,
  operations,
  million,
};

/** The scenarios of `--check`: quick ones that reveal most. */
const CHECKED = ["rollout", "bystander", "idle", "ingest"];

/** It runs only if it is named. */
const LONG = "million";

const flags = process.argv.slice(2).filter((word) => word.startsWith("--"));
const named = process.argv.slice(2).filter((word) => !word.startsWith("--"));
const unknown = [
  ...named.filter((name) => !(name in SCENARIOS)),
  ...flags.filter((flag) => flag !== "--check" && flag !== "--plots"),
];
if (unknown.length > 0) {
  console.error(`unknown: ${unknown.join(" ")}; known are --check, --plots and ${Object.keys(SCENARIOS).join(" ")}`);
  process.exit(2);
}
const endAll = async () => {
  await Promise.all([endPrograms(), endRedis()]);
};
for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => void endAll().finally(() => process.exit(1)));

const isShort = flags.includes("--check");
const chosen = named.length > 0 ? named : isShort ? CHECKED : Object.keys(SCENARIOS).filter((name) => name !== LONG);
let missed = 0;
for (const name of flags.includes("--plots") ? [] : chosen) {
  const [startMs, [load = 0]] = [performance.now(), loadavg()];
  const measured = await (SCENARIOS[name] as Scenario)(isShort).finally(endAll);
  console.log(`\n${name}, ${Math.round((performance.now() - startMs) / 1000)} s`);
  for (const goal of measured.goals) {
    console.log(describeGoal(goal));
    if (!isReached(goal)) missed++;
  }
  if (!isShort) writeResult(name, measured, load);
}
if (!isShort) {
  drawPictures();
  writeTable();
}
process.exit(missed === 0 ? 0 : 1);
