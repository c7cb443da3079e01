// `npm run bench`: every measurement, one line a figure; exit 1 if one misses its goal.
import { fullRate } from "./full-rate.js";
import { describeGoal, isReached } from "./goal.js";
import { idleLatency } from "./idle-latency.js";

const measurements = [
  () => fullRate("full rate", 14, 106),
  () => fullRate("full rate, names of 32 characters", 32, 112),
  idleLatency,
];

let missed = 0;
for (const measure of measurements) {
  for (const goal of await measure()) {
    console.log(describeGoal(goal));
    if (!isReached(goal)) missed++;
  }
}
process.exit(missed === 0 ? 0 : 1);
