// Prints lines above the progress while a run goes on: why it waits, its first failure, a gateway
// that has gone quiet, and that it stops. Each is printed once.
import { type Clock, every } from "../../base/clock.js";
import { visible } from "../../base/visible-text.js";
import type { CancelAllProgress, DeviceResult } from "../../client/client.js";
import type { Colour, Paint } from "../terminal/paint.js";
import { type Silence, watchSilence } from "./silence.js";

export interface RunNotesOptions {
  readonly clock: Clock;
  readonly paint: Paint;
  /** Whether the gateway owes an answer. */
  readonly isOwed: () => boolean;
  readonly print: (line: string) => void;
  /** Aborts when the run is to stop. */
  readonly signal: AbortSignal;
}

/** The first failure is held back for so long: it may be what ends the run, which is said then. */
const HOLD_BACK_MS = 200;

export class RunNotes {
  readonly #options: RunNotesOptions;
  readonly #obstacles = new Set<string>();
  readonly #silence: Silence;
  readonly #disarm: () => void;
  readonly #stopping = () => this.#note("yellow", "stopping: the last answers are awaited");
  #hasFailed = false;
  #firstFailure: string | undefined;

  constructor(options: RunNotesOptions) {
    const { clock, isOwed, signal } = options;
    this.#options = options;
    this.#silence = watchSilence(clock, isOwed, (text) => this.#note("yellow", text));
    this.#disarm = every(clock, HOLD_BACK_MS, () => this.#noteFirstFailure());
    signal.addEventListener("abort", this.#stopping, { once: true });
  }

  heard({ obstacle }: CancelAllProgress): void {
    this.#silence.heard();
    if (!obstacle || this.#obstacles.has(obstacle)) return;
    this.#obstacles.add(obstacle);
    this.#note("yellow", `waiting: ${obstacle}`);
  }

  resulted({ deviceName, ok, failure }: DeviceResult): void {
    if (ok || this.#hasFailed || this.#options.signal.aborted) return;
    this.#hasFailed = true;
    this.#firstFailure = `first failure: ${deviceName}: ${failure?.message}`;
  }

  /** `error`: why the run ended early. */
  end(error: unknown): void {
    this.#disarm();
    this.#silence.end();
    this.#options.signal.removeEventListener("abort", this.#stopping);
    if (error === undefined) this.#noteFirstFailure();
  }

  #noteFirstFailure(): void {
    if (this.#firstFailure !== undefined) this.#note("red", this.#firstFailure);
    this.#firstFailure = undefined;
  }

  #note(colour: Colour, text: string): void {
    this.#options.print(this.#options.paint(colour, visible(text)));
  }
}
