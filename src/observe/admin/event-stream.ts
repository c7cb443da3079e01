// Snapshots for whoever looks: four a second, made once for all, and none while nobody looks. A client
// that does not read costs one frame of memory: it misses frames, and after a while its connection.
import type { ServerResponse } from "node:http";
import { type Clock, every } from "../../base/clock.js";
import type { Log } from "../../base/log.js";
import { SECURITY_HEADERS } from "./answer.js";
import type { SnapshotSource } from "./snapshot.js";

/** Some proxies hold an answer back until they have enough of it. */
const UNBUFFERED = { "x-accel-buffering": "no" };

export interface EventStreamOptions {
  readonly clock: Clock;
  readonly source: SnapshotSource;
  readonly log: Log;
}

const PERIOD_MS = 250;

const MOST_CLIENTS = 32;

/** A connection that has taken nothing for so long is given up. */
const PATIENCE_MS = 10_000;

/** How soon a browser comes back when the connection breaks. */
const RETRY_MS = 1000;

export class EventStream {
  readonly #options: EventStreamOptions;
  /** Since when each has been asked in vain to take more; undefined if it reads. */
  readonly #clients = new Map<ServerResponse, number | undefined>();
  #disarm: (() => void) | undefined;
  #hasFailed = false;

  constructor(options: EventStreamOptions) {
    this.#options = options;
  }

  /** Sends snapshots from now on. False if there are too many clients already. */
  add(response: ServerResponse): boolean {
    if (this.#clients.size >= MOST_CLIENTS) return false;
    response.writeHead(200, { ...SECURITY_HEADERS, "content-type": "text/event-stream", ...UNBUFFERED });
    response.write(`retry: ${RETRY_MS}\n\n${this.#frame()}`);
    this.#clients.set(response, undefined);
    response.once("close", () => this.#remove(response));
    const { clock } = this.#options;
    this.#disarm ??= every(clock, PERIOD_MS, () => this.#tick(clock.now()));
    return true;
  }

  close(): void {
    for (const response of this.#clients.keys()) response.end();
  }

  #tick(nowMs: number): void {
    const frame = this.#frame();
    for (const [response, stuckSinceMs] of this.#clients) {
      if (!response.writableNeedDrain) {
        this.#clients.set(response, undefined);
        response.write(frame);
      } else if (stuckSinceMs === undefined) {
        this.#clients.set(response, nowMs);
      } else if (nowMs - stuckSinceMs >= PATIENCE_MS) {
        response.destroy();
      }
    }
  }

  /** Nothing that goes wrong here may end the gateway. */
  #frame(): string {
    try {
      return `data: ${JSON.stringify(this.#options.source())}\n\n`;
    } catch (error) {
      if (!this.#hasFailed) this.#options.log.error({ err: error }, "the admin page's snapshot failed");
      this.#hasFailed = true;
      return ":\n\n";
    }
  }

  #remove(response: ServerResponse): void {
    this.#clients.delete(response);
    if (this.#clients.size > 0) return;
    this.#disarm?.();
    this.#disarm = undefined;
  }
}
