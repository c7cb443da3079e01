// The log of a running gateway, and what no line of it holds, whoever writes the line and whatever a library put into
// an error.
import { type LoggerOptions, pino } from "pino";
import pretty from "pino-pretty";
import type { Log } from "../../base/log.js";
import type { Config } from "../../config/config.js";
import { forTerminal, inJson } from "./log-lines.js";
import { stderrSink } from "./log-sink.js";

/** Fields that are never shown. Nobody logs them; this is for the day when somebody does. One below would cost 8 µs a line. */
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

/** What pino is told beside the level. */
export const LOG_OPTIONS: LoggerOptions = {
  redact: { paths: REDACTED, censor: "[redacted]" },
  serializers: { err: wordsOf },
};

/** JSON lines on stderr, readable ones if that is a terminal. */
export function createLog(level: Config["logLevel"]): Log {
  const options = { ...LOG_OPTIONS, level };
  if (!process.stderr.isTTY) return pino(options, inJson(stderrSink()));
  return pino(options, forTerminal(pretty({ destination: 2, sync: true, ignore: "pid,hostname" })));
}

/**
 * Pino would copy every field of an error: the address that could not be parsed, the command that Redis refused. What the
 * system refused has no stack here: its words name the file or the address, and the stack is of Node's insides.
 */
function wordsOf(error: Error): object {
  if (!(error instanceof Error)) return { type: typeof error };
  const { type, message, stack, code } = pino.stdSerializers.err(error);
  const isOfSystem = "syscall" in error;
  return { type, message, ...(!isOfSystem && { stack }), ...(typeof code === "string" && { code }) };
}
