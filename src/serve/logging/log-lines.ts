// How lines of the log are written: nothing in a line, whoever it comes from, ends that line, moves the cursor or
// looks like something else. It is decided here for all of them, so that no field needs to be thought of.
import type { Log } from "../../base/log.js";
import { visible, visibleJson } from "../../base/visible-text.js";

/** Where pino writes its lines. */
interface Lines {
  write(line: string): unknown;
}

/** For lines that programs read. */
export function inJson(lines: Lines): { write(line: string): void } {
  return { write: (line) => void lines.write(`${visibleJson(line.trimEnd())}\n`) };
}

/** For pino-pretty, which parses a line and writes some of its texts as they are. */
export function forTerminal(lines: Lines): { write(line: string): void } {
  const shown = (key: string, value: unknown) =>
    typeof value === "string" ? visible(value, key === "stack" ? "\n" : "") : value;
  return { write: (line) => void lines.write(`${JSON.stringify(JSON.parse(line, shown))}\n`) };
}

/** What Node itself warns of: left to Node, it would stand between the lines. */
export function logWarnings(log: Log): void {
  process.removeAllListeners("warning");
  process.on("warning", ({ name, message }) => log.warn({ warning: name, cause: message }, "Node warns"));
}
