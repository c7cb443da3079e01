// Writes lines of the log so that no text in a line can end it, move the cursor or look like
// something else. This is decided here for all lines, so that no field has to be considered.
import type { Log } from "../../base/log.js";
import { visible, visibleJson } from "../../base/visible-text.js";

/** The stream that pino writes to. */
interface Lines {
  write(line: string): unknown;
}

/** For lines that programs read. */
export function inJson(lines: Lines): { write(line: string): void } {
  return { write: (line) => void lines.write(`${visibleJson(line.trimEnd())}\n`) };
}

/** For pino-pretty, which parses a line and prints some of its texts unchanged. */
export function forTerminal(lines: Lines): { write(line: string): void } {
  const shown = (key: string, value: unknown) =>
    typeof value === "string" ? visible(value, key === "stack" ? "\n" : "") : value;
  return { write: (line) => void lines.write(`${JSON.stringify(JSON.parse(line, shown))}\n`) };
}

/** Logs Node's own warnings, which would otherwise appear between the lines. */
export function logWarnings(log: Log): void {
  process.removeAllListeners("warning");
  process.on("warning", ({ name, message }) => log.warn({ warning: name, cause: message }, "Node warns"));
}
