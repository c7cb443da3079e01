import { defineConfig } from "vitest/config";
import { LongestFirst } from "./test/support/longest-first.js";
import { SystemReporter } from "./test/support/system-reporter.js";

/** The only limit of real time that a test has: it says that something never happens, and not that it is slow. */
const NEVER_MS = 180_000;

/** These start OpenTelemetry, which a thread can do once. */
const ONCE_A_THREAD = [
  "test/e2e/tracing{,-unsampled}.test.ts",
  "test/unit/observe/telemetry/*.test.ts",
  "test/unit/dashboards.test.ts",
  "test/unit/tracing/operation-span.test.ts",
  "test/unit/upstream/client.test.ts",
];

export default defineConfig({
  test: {
    reporters: ["default", new SystemReporter()],
    testTimeout: NEVER_MS,
    hookTimeout: NEVER_MS,
    expect: { poll: { timeout: NEVER_MS, interval: 100 } },
    // Made for two cores: the files of `real` mostly wait for the programs that they start. Four
    // workers left half of the processors idle, and took half as long again.
    maxWorkers: 8,
    sequence: { sequencer: LongestFirst },
    globalSetup: ["test/support/property-seed.ts"],
    isolate: true, // the default; stated, so that vitest does not end each run with the advice to do without
    coverage: { include: ["src/**"], exclude: ["src/gen/**"] },
    projects: [
      {
        extends: true,
        test: {
          name: "shared",
          include: ["test/unit/**/*.test.ts", "test/property/**/*.test.ts"],
          exclude: ONCE_A_THREAD,
          setupFiles: ["test/support/property-seed.ts"],
          // Most of the time of a test by itself is the loading of what it tests.
          pool: "threads",
          isolate: false,
        },
      },
      {
        extends: true,
        test: {
          name: "alone",
          include: ONCE_A_THREAD,
          setupFiles: ["test/support/property-seed.ts"],
          pool: "threads", // which start in half the time of processes
        },
      },
      {
        extends: true,
        test: {
          name: "real",
          include: ["test/contract/**/*.test.ts", "test/e2e/**/*.test.ts"],
          exclude: ONCE_A_THREAD,
          // In processes, because they are held up by nothing but their own tests; not one for each
          // file, because to load what they drive takes longer than most of them compute.
          pool: "forks",
          isolate: false,
        },
      },
    ],
  },
});
