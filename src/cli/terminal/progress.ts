// Shows the progress of a long run in one line: redrawn in place on a terminal, printed now and
// then elsewhere.
import type { WriteStream } from "node:tty";
import { type Clock, every } from "../../base/clock.js";
import { count, counted, duration } from "./figures.js";
import type { Paint } from "./paint.js";

export interface Position {
  readonly devices: number;
  /** Undefined while unknown. */
  readonly total: number | undefined;
  /** Undefined where nothing is sent. */
  readonly calls: number | undefined;
  readonly failed: number;
}

export type Screen = Pick<WriteStream, "isTTY" | "columns"> & { write(text: string): unknown };

const REDRAW_MS = 200;
const PLAIN_LINE_MS = 5000;

/** The rate is measured over this time. */
const RATE_MS = 5000;

const BAR_CHARS = 20;
const ERASE_LINE = "\r\x1b[K";

export class ProgressLine {
  readonly #screen: Screen;
  readonly #paint: Paint;
  readonly #clock: Clock;
  readonly #position: () => Position;
  /** Readings of the last few seconds, oldest first. */
  readonly #readings: { readonly atMs: number; readonly devices: number }[] = [];
  readonly #disarm: () => void;

  constructor(screen: Screen, paint: Paint, clock: Clock, position: () => Position) {
    this.#screen = screen;
    this.#paint = paint;
    this.#clock = clock;
    this.#position = position;
    this.#readings.push({ atMs: clock.now(), devices: position().devices });
    this.#disarm = every(clock, screen.isTTY ? REDRAW_MS : PLAIN_LINE_MS, () => this.#draw());
  }

  /** Prints a line above the progress. */
  note(text: string): void {
    this.#screen.write(this.#screen.isTTY ? `${ERASE_LINE}${text}\n` : `${text}\n`);
    if (this.#screen.isTTY) this.#draw();
  }

  /** Removes the line. */
  end(): void {
    this.#disarm();
    if (this.#screen.isTTY) this.#screen.write(ERASE_LINE);
  }

  #draw(): void {
    const position = this.#position();
    const perSecond = this.#rate(position.devices);
    if (this.#screen.isTTY) this.#screen.write(ERASE_LINE + this.#bar(position, perSecond));
    else this.#screen.write(`${plainLine(position, perSecond)}\n`);
  }

  #rate(devices: number): number {
    const atMs = this.#clock.now();
    this.#readings.push({ atMs, devices });
    while (this.#readings.length > 2 && atMs - (this.#readings[1]?.atMs ?? 0) >= RATE_MS) this.#readings.shift();
    const [oldest = { atMs, devices }] = this.#readings;
    return atMs > oldest.atMs ? ((devices - oldest.devices) * 1000) / (atMs - oldest.atMs) : 0;
  }

  #bar(position: Position, perSecond: number): string {
    const { devices, total, failed } = position;
    const share = total ? Math.min(devices / total, 1) : 0;
    const full = Math.floor(share * BAR_CHARS);
    const bar = total === undefined ? "" : `${"█".repeat(full)}${"░".repeat(BAR_CHARS - full)} `;
    const words = [
      `${count(devices)}${total === undefined ? " devices" : `/${count(total)}`}`,
      ...figures(position, perSecond),
    ];
    const columns = (this.#screen.columns || 80) - 1; // a line that fills the screen would wrap
    let text = words.join("  ");
    // The least important part comes last.
    while (bar.length + text.length > columns && words.length > 1) {
      words.pop();
      text = words.join("  ");
    }
    const failedText = `${count(failed)} failed`;
    return this.#paint("green", bar.slice(0, columns)) + text.replace(failedText, this.#paint("red", failedText));
  }
}

function figures({ devices, total, calls, failed }: Position, perSecond: number): string[] {
  const leftMs = total !== undefined && perSecond > 0 ? ((total - devices) / perSecond) * 1000 : undefined;
  return [
    ...(failed > 0 ? [`${count(failed)} failed`] : []),
    `${count(perSecond)}/s`,
    ...(leftMs === undefined ? [] : [`${duration(leftMs)} left`]),
    ...(calls === undefined ? [] : [counted(calls, "call")]),
  ];
}

function plainLine(position: Position, perSecond: number): string {
  const { devices, total } = position;
  const of = total === undefined ? counted(devices, "device") : `${count(devices)} of ${counted(total, "device")}`;
  return [of, ...figures(position, perSecond)].join(", ");
}
