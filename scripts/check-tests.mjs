// Finds sources of random failures in tests: randomness without a seed, fixed sleeps, bounds on
// real time, and state that stays for the next file of a process. A test with one of them fails on
// a busy machine, or one time in a hundred. Wait for an event instead (`until`), or turn a clock by
// hand.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const READS_REAL_TIME = /\b(performance|Date|systemClock)\.(now|wallNow)\(|\bhrtime\b/;
/** Files that start real processes: whatever they measure, they measure in real time. */
const REAL = /^test\/(e2e|contract)\//;
const MEASURED = /Ms\b|seconds\b|elapsed|took|lag/i;
/** Times that a gateway reports; nothing is measured. */
const TOLD = /\b(retryAfterMs|expectedWait\?\.seconds|ota_jwt_keys_age_seconds)\b/g;

/** Each rule looks at one statement. */
const RULES = {
  "randomness without a seed": (statement) =>
    /\bMath\.random\b|\bDate\.now\(\) %|\brandom(UUID|Bytes|Int)\b|\bgetRandomValues\b/.test(statement),
  "a fixed sleep": (statement) =>
    /(?<!\w)set(Timeout|Interval)\b|\bsleepUntil\(|waitForTimeout\(|\bscheduler\.wait\(|\bAtomics\.wait\(|"sleep"/.test(
      statement,
    ),
  // As an option of `it`, `describe` or `expect.poll`, or as the last argument of `it`.
  "a time limit of its own": (statement) =>
    /\bvi\.waitFor\(|\btimeout: (?!NO_LIMIT)[\dA-Z_]+\b|^\s*\}, [\d_]+\);$|\bAbortSignal\.timeout\(/m.test(statement),
  "OpenTelemetry for all later tests of the process": (statement) =>
    /\.setGlobal(Tracer|Meter)Provider\(|\bstartTelemetry\(/.test(statement),
  "a bound on real time": (statement, text, file) =>
    /\.(toBeLessThan(OrEqual)?|toBeCloseTo)\(/.test(statement) &&
    (READS_REAL_TIME.test(statement) ||
      ((REAL.test(file) || READS_REAL_TIME.test(text)) && MEASURED.test(statement.replace(TOLD, "")))),
};

/** Exceptions by file: the rule and the reason. */
const ALLOWED = {
  "test/chaos.ts": {
    rules: ["randomness without a seed", "a fixed sleep"],
    why: "runs for a given time, from a seed that it prints",
  },
  "test/fuzz.ts": {
    rules: ["randomness without a seed"],
    why: "runs for a given time, from a seed that it prints",
  },
  "test/histories.ts": { rules: ["randomness without a seed"], why: "looks for fresh seeds, and prints them" },
  "test/kills.ts": {
    rules: ["randomness without a seed"],
    why: "kills a given number of times, from a seed that it prints",
  },
  "test/soak.ts": {
    rules: ["randomness without a seed", "a fixed sleep"],
    why: "runs for a given time, from a seed that it prints",
  },
  "test/support/soak-clients.ts": {
    rules: ["a fixed sleep"],
    why: "clients of the soak come and leave at seeded moments",
  },
  "test/support/soak-client.ts": {
    rules: ["a fixed sleep"],
    why: "clients of the soak come and leave at seeded moments",
  },
  "test/support/kills.ts": { rules: ["a fixed sleep"], why: "kills at seeded moments; nothing is asserted about them" },
  "test/support/processes.ts": { rules: ["a fixed sleep"], why: "until: the interval of polling" },
  "test/support/redis.ts": { rules: ["a fixed sleep"], why: "the interval of polling a port" },
  "test/support/replicas.ts": { rules: ["a fixed sleep"], why: "a client that is refused waits before it asks again" },
  "test/support/tcp-proxy.ts": { rules: ["a fixed sleep"], why: "a slow network" },
  "test/support/inspected.ts": { rules: ["a fixed sleep"], why: "a timer that is inspected and never fires" },
  "test/unit/observe/telemetry/metrics.test.ts": { rules: ["a fixed sleep"], why: "a pause of the event loop" },
  "test/unit/grpc/server.test.ts": { rules: ["a fixed sleep"], why: "a timer that is inspected and never fires" },
  "test/unit/upstream/exchange.test.ts": { rules: ["a fixed sleep"], why: "an answer that never ends, in drops" },
  "test/e2e/full-rate.test.ts": { rules: ["a fixed sleep"], why: "calls take time there and back, by a seed" },
  "test/contract/limiter.test.ts": { rules: ["a fixed sleep"], why: "calls take time there and back, by a seed" },
  "test/contract/store-failures.test.ts": {
    rules: ["a fixed sleep"],
    why: "calls take time there and back, by a seed",
  },
  ...Object.fromEntries(
    [
      "test/e2e/tracing-unsampled.test.ts",
      "test/unit/observe/telemetry/sdk.test.ts",
      "test/unit/tracing/operation-span.test.ts",
      "test/support/metrics-run.ts",
    ].map((file) => [
      file,
      {
        rules: ["OpenTelemetry for all later tests of the process"],
        why: "run in processes of their own (vitest.config.ts)",
      },
    ]),
  ),
  "test/fuzz/campaign.ts": { rules: ["a fixed sleep"], why: "pieces of bytes in segments of their own" },
  "test/unit/grpc/transport/stream-gate.test.ts": {
    rules: ["a bound on real time"],
    why: "the time is that of a clock turned by hand",
  },
  "test/support/warm-start.mjs": { rules: ["a fixed sleep"], why: "keeps the process alive until it is told to go" },
  "test/fuzz/raw-rpcs.ts": { rules: ["a fixed sleep"], why: "gives up a stream that is never answered" },
  "test/e2e/client-package.test.ts": {
    rules: ["a time limit of its own"],
    why: "a signal is part of what the program that is compiled uses",
  },
  "test/e2e/probe-jobs.test.ts": {
    rules: ["a bound on real time"],
    why: "the time is that of a clock turned by hand",
  },
  "test/e2e/gateway-misuse.test.ts": {
    rules: ["a bound on real time"],
    why: "the bound grows with the time that has passed",
  },
  "test/e2e/tracing.test.ts": {
    rules: ["OpenTelemetry for all later tests of the process", "a bound on real time"],
    why: "runs in a process of its own; an order of events, by the times in spans",
  },
  "test/e2e/jwks.test.ts": { rules: ["a bound on real time"], why: "the bound grows with the time that has passed" },
};

process.chdir(join(fileURLToPath(import.meta.url), "../.."));
const found = [];
const used = new Set();
for (const name of readdirSync("test", { recursive: true })) {
  if (!/\.m?[jt]s$/.test(name)) continue;
  const file = join("test", name);
  const text = readFileSync(file, "utf8");
  let line = 1;
  for (const statement of text.split(/(?<=[;{]\n)/)) {
    for (const [rule, isBroken] of Object.entries(RULES)) {
      if (!isBroken(statement.replace(/^\s*(\/\/|\/?\*).*$/gm, ""), text, file)) continue;
      if (ALLOWED[file]?.rules.includes(rule)) used.add(`${file}: ${rule}`);
      else found.push(`${file}:${line + statement.split("\n").findIndex((each) => each.trim() !== "")}: ${rule}`);
    }
    line += statement.split("\n").length - 1;
  }
}
for (const [file, { rules }] of Object.entries(ALLOWED)) {
  for (const rule of rules) {
    if (!used.has(`${file}: ${rule}`))
      found.push(`${file}: scripts/check-tests.mjs allows ${rule}, but there is none; remove the exception`);
  }
}
for (const each of found) console.error(each);
process.exit(found.length > 0 ? 1 : 0);
