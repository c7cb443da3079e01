import { defineConfig } from "vitest/config";
import { SystemReporter } from "./test/support/system-reporter.js";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    reporters: ["default", new SystemReporter()],
    testTimeout: 30_000,
    hookTimeout: 30_000,
    // Two cores, and e2e tests that start real processes: more workers only make them wait for each other.
    maxWorkers: 2,
    coverage: { include: ["src/**"], exclude: ["src/gen/**"] },
  },
});
