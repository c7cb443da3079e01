// Creates the log of a running gateway, and decides what no line may hold, whichever module writes
// it and whatever a library put into an error.
import { createRequire } from "node:module";
import { type LoggerOptions, pino } from "pino";
import type { Log } from "../../base/log.js";
import type { Config } from "../../config/config.js";
import { forTerminal, inJson } from "./log-lines.js";
import { stderrSink } from "./log-sink.js";

/**
 * Fields that are never shown. No code logs them; this is a safety net. Nested fields would cost 8
 * µs a line.
 */
const REDACTED = [
  ...[
    "authorization",
    "password",
    "secret",
    "token",
    "jwt",
    "accessKeySecret",
    "securityToken",
    "credentials",
    "headers",
  ],
  ...["deviceName", "deviceNames", "device_names"],
];

/** Options of pino, without the level. */
export const LOG_OPTIONS: LoggerOptions = {
  redact: { paths: REDACTED, censor: "[redacted]" },
  serializers: { err: wordsOf },
  // For people: a time of day and the name of a level can be searched for.
  timestamp: pino.stdTimeFunctions.isoTime,
  formatters: { level: (level) => ({ level }) },
};

/** Writes JSON lines to stderr, or readable lines if that is a terminal. */
export function createLog(level: Config["logLevel"]): Log {
  const options = { ...LOG_OPTIONS, level };
  if (!process.stderr.isTTY) return pino(options, inJson(stderrSink()));
  // Loaded here, because a gateway in a container never writes to a terminal.
  const pretty = createRequire(import.meta.url)("pino-pretty") as typeof import("pino-pretty");
  return pino(options, forTerminal(pretty({ destination: 2, sync: true, ignore: "pid,hostname" })));
}

/**
 * Picks the safe parts of an error. Pino would copy every field, such as an address that could not
 * be parsed or a command that Redis refused. System errors get no stack: their message names the
 * file or the address, and the stack shows only Node's internals.
 */
function wordsOf(error: Error): object {
  if (!(error instanceof Error)) return { type: typeof error };
  const { type, message, stack, code } = pino.stdSerializers.err(error);
  const isOfSystem = "syscall" in error;
  return { type, message, ...(!isOfSystem && { stack }), ...(typeof code === "string" && { code }) };
}
