// What is used of OpenTelemetry's SDK beside its public face, which either reads the variables or takes a reader of
// ours, and we need both. A release that moves it must not end in a gateway that exports nothing, or in an error that
// names no cause: the process refuses to start. docs/maintaining.md lists it.
import { createRequire } from "node:module";
import type * as Utils from "@opentelemetry/sdk-node/build/src/utils.js";

const FILE = "@opentelemetry/sdk-node/build/src/utils.js";

/** What the suite has passed on. */
const TESTED = "@opentelemetry/sdk-node 0.223.0";

const NEEDED = [
  "getOtlpMetricExporterFromEnv",
  "getPeriodicExportingMetricReaderFromEnv",
  "getSpanProcessorsFromEnv",
] as const;

/** Throws if a function is not there. */
export function sdkNodeInternals(
  load: (file: string) => unknown = createRequire(import.meta.url),
): Pick<typeof Utils, (typeof NEEDED)[number]> {
  let found: Partial<typeof Utils> = {};
  try {
    found = load(FILE) as typeof Utils;
  } catch {
    // Then nothing of it is there.
  }
  const missing = NEEDED.filter((name) => typeof found[name] !== "function");
  if (missing.length === 0) return found as typeof Utils;
  throw new Error(
    `${FILE} has no ${missing.join(", ")}, which telemetry is started with; the gateway was tested with ${TESTED}: ` +
      "use that version, or see docs/maintaining.md",
  );
}
