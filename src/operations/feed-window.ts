// The devices of one operation that are on their way at once, and how far its list has been fed. A
// chunk that is put back is fed again, in a new round, when the rest of the window is over.
import { setImmediate } from "node:timers/promises";
import type { Span } from "@opentelemetry/api";
import type { DeviceOutcome } from "../gateway/device-outcome.js";
import { type Failure, GatewayError } from "../gateway/failures.js";
import type { Gateway } from "../gateway/gateway.js";
import { type CancelListSpec, commandFor, outcomeOf } from "./cancel-list.js";
import { ChunkPart } from "./chunk-part.js";
import { failureAt, isFinal, kindOfMark, OPEN } from "./outcomes.js";
import { LEFT, MAYBE_SENT } from "./run-ending.js";
import { CHUNK_DEVICES, type FedChunk, type Lease, type OperationStore } from "./store.js";

/** Room for devices of a caller, among all its operations. */
export interface CallerWindows {
  take(caller: string, devices: number): boolean;
  give(caller: string, devices: number): void;
}

export interface FeedWindowOptions {
  readonly store: Pick<OperationStore, "feed">;
  readonly lease: Lease;
  readonly gateway: Pick<Gateway, "cancel" | "verify" | "leaveVerify" | "roomOf">;
  readonly caller: string;
  readonly spec: CancelListSpec;
  readonly windows: CallerWindows;
  readonly span: Span | undefined;
  readonly sendUntilMs: () => number;
  readonly readUntilMs: () => number;
  /** A chunk was added, and may enter the queue. */
  readonly added: () => void;
  readonly sent: (sentWallMs: number) => void;
  /**
   * `devices`: the length of the chunk. `isProvisional`: it is still being read back. Returns false
   * to have the device `left`.
   */
  readonly settled: (
    chunk: number,
    devices: number,
    index: number,
    outcome: DeviceOutcome,
    isProvisional: boolean,
  ) => boolean;
  /** Its part is over, and this device has no final outcome. */
  readonly left: (chunk: number, devices: number, index: number, outcome: DeviceOutcome) => void;
  /** A part is over. */
  readonly over: () => void;
  /** Unexpected errors. */
  readonly failed: (error: unknown) => void;
}

/** Devices of one operation that are on their way at once: ten seconds' worth at the full rate. */
export const WINDOW_DEVICES = 20_000;

const MAYBE_SENT_OUTCOME: DeviceOutcome = { kind: "unknown", failure: MAYBE_SENT };

export class FeedWindow {
  readonly #options: FeedWindowOptions;
  /** Few; no Set, because its members change all the time (docs/adr/0021). */
  #parts: readonly ChunkPart[] = [];
  /** Parts of a chunk that was fed, for which the queue has no room yet. */
  #waiting: ChunkPart[] = [];
  /** Chunks whose devices without an outcome have certainly not been sent, by any holder. */
  readonly #unsent = new Set<number>();
  /** The last chunk that was fed in this round. */
  #after = -1;
  /** The round has come to the end of the list. */
  #isRoundOver = false;

  constructor(options: FeedWindowOptions) {
    this.#options = options;
  }

  get isEmpty(): boolean {
    return this.#parts.length === 0;
  }

  get devices(): number {
    return this.#parts.reduce((sum, { devices }) => sum + devices, 0);
  }

  /** Whether some of it is not in the queue yet. */
  get isWaiting(): boolean {
    return this.#waiting.length > 0;
  }

  /**
   * Whether the next chunk is one that was not fed in this round. One of a new round may have
   * outcomes that are not stored yet.
   */
  get isInRound(): boolean {
    return !this.#isRoundOver;
  }

  /** Whether there is room for a chunk. */
  get hasRoom(): boolean {
    const { gateway, caller } = this.#options;
    if (this.isWaiting || (this.#isRoundOver && !this.isEmpty)) return false;
    const { devices } = this;
    return devices === 0 || devices + CHUNK_DEVICES <= Math.min(WINDOW_DEVICES, gateway.roomOf(caller));
  }

  /** Reserves room for a chunk, which is to be fed then. Returns whether the caller has any. */
  reserve(): boolean {
    return this.#options.windows.take(this.#options.caller, CHUNK_DEVICES);
  }

  /**
   * Feeds the next chunk. `none`: this round is over; `complete`: it is over, and found nothing.
   */
  async feed(): Promise<"fed" | "none" | "complete" | "stopping" | "expired"> {
    const { store, lease, caller, windows, added } = this.#options;
    let devices = 0;
    try {
      // A chunk that was put back is found again only in a new round.
      if (this.#isRoundOver) this.#after = -1;
      const isNewRound = this.#after === -1;
      const feeding = await store.feed(lease, this.#after);
      this.#isRoundOver = feeding === "none";
      if (feeding === "none") return isNewRound && this.isEmpty ? "complete" : "none";
      if (feeding === "stopping" || feeding === "expired") return feeding;
      devices = this.#add(feeding);
      added();
      await setImmediate(); // a store may have the next chunk at once, and a window has ten
      return "fed";
    } finally {
      windows.give(caller, CHUNK_DEVICES - devices);
    }
  }

  /**
   * Lets parts into the queue as far as there is room. Returns whether any got in, and what keeps
   * the others out; empty for nothing.
   */
  enterQueue(): { readonly isAny: boolean; readonly obstacle: string } {
    let isAny = false;
    for (let part = this.#waiting[0]; part; part = this.#waiting[0]) {
      try {
        part.start();
      } catch (error) {
        if (!(error instanceof GatewayError)) throw error;
        if (error.failure.kind === "invalid") this.withdraw(LEFT); // the caller's bound was lowered: cut again
        return { isAny, obstacle: error.message };
      }
      this.#waiting.shift();
      isAny = true;
    }
    return { isAny, obstacle: "" };
  }

  /**
   * Takes everything out of the queue that is not in a call, a part in each turn of the event loop.
   * Nothing else is fed before that is over.
   */
  withdraw(failure: Failure): void {
    this.#waiting = [];
    this.#after = -1;
    this.#isRoundOver = true; // once the window is empty, a new round finds what was put back
    void this.#recall(this.#parts, failure);
  }

  /** Never rejects: the others are withdrawn, too. */
  async #recall(parts: readonly ChunkPart[], failure: Failure): Promise<void> {
    for (const part of parts) {
      try {
        if (this.#parts.includes(part)) part.withdraw(failure);
      } catch (error) {
        this.#options.failed(error);
      }
      await setImmediate();
    }
  }

  /** Nothing more is read back. */
  stopReading(): void {
    for (const part of this.#parts) part.stopReading();
  }

  /** Cuts a chunk into parts that fit into the queue. Returns the number of their devices. */
  #add(fed: FedChunk): number {
    const { gateway, caller } = this.#options;
    this.#after = fed.chunk;
    if (!fed.fedBefore) this.#unsent.add(fed.chunk);
    const { marks } = fed.outcomes;
    const unsent: number[] = [];
    const unread: number[] = [];
    for (const [index, mark] of marks.entries()) {
      if (mark === OPEN) unsent.push(index);
      else if (!isFinal(mark)) unread.push(index);
    }
    const most = Math.max(Math.min(gateway.roomOf(caller), CHUNK_DEVICES), 1);
    for (let from = 0; from < unsent.length; from += most) this.#makePart(fed, unsent.slice(from, from + most));
    if (unread.length > 0) {
      const outcomes = unread.map((index) =>
        outcomeOf(kindOfMark(marks[index] as number), failureAt(fed.outcomes, index)),
      );
      this.#makePart(fed, unread, outcomes);
    }
    return unsent.length + unread.length;
  }

  #makePart({ chunk, names }: FedChunk, indexes: readonly number[], carriedOut?: readonly DeviceOutcome[]): void {
    const { gateway, caller, spec, span, sendUntilMs, readUntilMs, sent, settled, left, windows, over, failed } =
      this.#options;
    const deviceNames = indexes.map((index) => names[index] as string);
    const part = new ChunkPart({
      ...{ gateway, span },
      command: commandFor(spec, caller, deviceNames),
      indexes,
      ...(spec.verify && { verifyUntilMs: readUntilMs() }),
      ...(carriedOut && { carriedOut }),
      sendUntilMs,
      sent,
      failed,
      settled: (index, outcome, isProvisional) => settled(chunk, names.length, index, outcome, isProvisional),
      over: (unsettled) => {
        this.#parts = this.#parts.filter((other) => other !== part);
        const isKnown = this.#unsent.has(chunk);
        for (const [index, outcome] of unsettled) {
          const isUnsent = outcome.kind === "not-attempted";
          left(chunk, names.length, index, isUnsent && !isKnown ? MAYBE_SENT_OUTCOME : outcome);
          if (outcome.kind === "unknown") this.#unsent.delete(chunk);
        }
        windows.give(caller, part.devices);
        over();
      },
    });
    this.#waiting.push(part);
    this.#parts = [...this.#parts, part];
  }
}
