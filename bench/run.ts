// `npm run bench [NAME…]`: every measurement, or those named; one line a figure; exit 1 if one misses its goal.
import { bystander } from "./bystander.js";
import { flood } from "./flood.js";
import { fullRate } from "./full-rate.js";
import { describeGoal, type Goal, isReached } from "./goal.js";
import { idleLatency } from "./idle-latency.js";
import { ingest } from "./ingest.js";
import { million } from "./million.js";
import { replicas } from "./replicas.js";
import { stream } from "./stream.js";
import { telemetry } from "./telemetry.js";

const measurements: Record<string, () => Promise<Goal[]>> = {
  "full-rate": () => fullRate("full rate", 14, 106),
  "long-names": () => fullRate("full rate, names of 32 characters", 32, 112),
  idle: idleLatency,
  bystander,
  flood,
  ingest,
  telemetry,
  million,
  stream,
  replicas,
};

const named = process.argv.slice(2);
const unknown = named.filter((name) => !(name in measurements));
if (unknown.length > 0) {
  console.error(`no such measurement: ${unknown.join(", ")}; there are ${Object.keys(measurements).join(", ")}`);
  process.exit(2);
}
let missed = 0;
for (const [name, measure] of Object.entries(measurements)) {
  if (named.length > 0 && !named.includes(name)) continue;
  for (const goal of await measure()) {
    console.log(describeGoal(goal));
    if (!isReached(goal)) missed++;
  }
}
process.exit(missed === 0 ? 0 : 1);
