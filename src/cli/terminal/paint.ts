// Colors for a terminal that shows them; none in a pipe, and none if NO_COLOR is set.
import type { WriteStream } from "node:tty";

export type Colour = "green" | "red" | "yellow" | "dim" | "bold";

const CODES: Record<Colour, number> = { green: 32, red: 31, yellow: 33, dim: 2, bold: 1 };

export type Paint = (colour: Colour, text: string) => string;

export function paintFor(stream: Pick<WriteStream, "isTTY">, environment: NodeJS.ProcessEnv = process.env): Paint {
  const isPlain = !stream.isTTY || Boolean(environment["NO_COLOR"]) || environment["TERM"] === "dumb";
  return isPlain ? (_, text) => text : (colour, text) => `\x1b[${CODES[colour]}m${text}\x1b[0m`;
}
