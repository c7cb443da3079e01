// Loads the internals of OpenTelemetry's SDK that the gateway uses. The public API either reads the
// standard variables or takes a custom reader, and both are needed. If a release moves them, the
// process refuses to start, rather than export nothing or fail without naming the cause.
// docs/maintaining.md lists them.
import { createRequire } from "node:module";
import type * as Utils from "@opentelemetry/sdk-node/build/src/utils.js";

const FILE = "@opentelemetry/sdk-node/build/src/utils.js";

/** The version that the tests have passed with. */
const TESTED = "@opentelemetry/sdk-node 0.223.0";

const NEEDED = [
  "getOtlpMetricExporterFromEnv",
  "getPeriodicExportingMetricReaderFromEnv",
  "getSpanProcessorsFromEnv",
] as const;

/** Loads the functions. Throws if one is missing. */
export function sdkNodeInternals(
  load: (file: string) => unknown = createRequire(import.meta.url),
): Pick<typeof Utils, (typeof NEEDED)[number]> {
  let found: Partial<typeof Utils> = {};
  try {
    found = load(FILE) as typeof Utils;
  } catch {
    // The file is missing, and so are all functions.
  }
  const missing = NEEDED.filter((name) => typeof found[name] !== "function");
  if (missing.length === 0) return found as typeof Utils;
  throw new Error(
    `${FILE} has no ${missing.join(", ")}, which telemetry needs to start; the gateway was tested with ${TESTED}: ` +
      "use that version, or see docs/maintaining.md",
  );
}
