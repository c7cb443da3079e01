import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    testTimeout: 30_000,
    hookTimeout: 30_000,
    // Two cores, and e2e tests that start real processes: more workers only make them wait for each other.
    maxWorkers: 2,
    isolate: true, // the default; said, so that vitest does not close each run with the advice to do without
    coverage: { include: ["src/**"], exclude: ["src/gen/**"] },
  },
});
