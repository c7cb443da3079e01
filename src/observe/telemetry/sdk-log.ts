// Writes the SDK's own words into the gateway's log if OTEL_LOG_LEVEL asks for them. By itself the
// SDK prints plain lines on standard output, between those of the audit log.
import { inspect } from "node:util";
import { type DiagLogger, DiagLogLevel, diag } from "@opentelemetry/api";
import type { Log } from "../../base/log.js";

type Variables = Readonly<Record<string, string | undefined>>;

const LEVELS: Readonly<Record<string, DiagLogLevel>> = {
  error: DiagLogLevel.ERROR,
  warn: DiagLogLevel.WARN,
  info: DiagLogLevel.INFO,
  debug: DiagLogLevel.DEBUG,
  verbose: DiagLogLevel.VERBOSE,
  all: DiagLogLevel.ALL,
};

/** Traces can be dumped whole. */
const LONGEST = 2000;

/** Takes the variable away from the SDK in any case. */
export function logSdk(environment: Variables, log: Log): void {
  const logLevel = LEVELS[environment["OTEL_LOG_LEVEL"]?.trim().toLowerCase() ?? ""];
  delete process.env["OTEL_LOG_LEVEL"];
  if (logLevel !== undefined) diag.setLogger(loggerFor(log, secretsOf(environment)), { logLevel });
}

function loggerFor(log: Log, secrets: readonly string[]): DiagLogger {
  const to =
    (level: "info" | "warn" | "error", of: string) =>
    (...words: unknown[]) => {
      const said = words.map((word) => (typeof word === "string" ? word : inspect(word, { depth: 2 }))).join(" ");
      log[level]({ level_of_sdk: of, said: hidden(said, secrets).slice(0, LONGEST) }, "OpenTelemetry says");
    };
  // Nothing below info: OTEL_LOG_LEVEL asks for it, even where OTA_LOG_LEVEL does not.
  return {
    error: to("error", "error"),
    warn: to("warn", "warn"),
    info: to("info", "info"),
    debug: to("info", "debug"),
    verbose: to("info", "verbose"),
  };
}

/** The values of headers, which are keys of a collector: as in the variables, and decoded. */
function secretsOf(environment: Variables): readonly string[] {
  return Object.entries(environment)
    .filter(([name]) => /^OTEL_EXPORTER_OTLP_(.*_)?HEADERS$/.test(name))
    .flatMap(([, list = ""]) => list.split(","))
    .map((pair) => pair.slice(pair.indexOf("=") + 1).trim())
    .filter(Boolean)
    .flatMap((value) => [value, decodeURIComponent(value)]);
}

function hidden(text: string, secrets: readonly string[]): string {
  const withoutUsers = text.replace(/\/\/[^\s/@]*@/g, "//***@");
  return secrets.reduce((left, secret) => left.replaceAll(secret, "***"), withoutUsers);
}
