import { defineConfig } from "vitest/config";

/** The only limit of real time that a test has: it says that something never happens, and not that it is slow. */
const NEVER_MS = 180_000;

export default defineConfig({
  test: {
    testTimeout: NEVER_MS,
    hookTimeout: NEVER_MS,
    expect: { poll: { timeout: NEVER_MS, interval: 20 } },
    globalSetup: ["test/support/property-seed.ts"],
    coverage: { include: ["src/**"], exclude: ["src/gen/**"] },
    projects: [
      {
        extends: true,
        test: {
          name: "fast",
          include: ["test/unit/**/*.test.ts", "test/property/**/*.test.ts"],
          setupFiles: ["test/support/property-seed.ts"],
          pool: "threads",
          maxWorkers: 2,
        },
      },
      {
        extends: true,
        test: {
          name: "real",
          include: ["test/contract/**/*.test.ts", "test/e2e/**/*.test.ts"],
          maxWorkers: 2,
        },
      },
    ],
  },
});
