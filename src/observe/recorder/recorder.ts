// The flight recorder: remembers when each upstream call was sent and answered, for the last hour
// at the full rate, so that anyone can check afterwards that no second held too many. Its memory is
// fixed at the start, 72 bytes for each call.
import { randomUUID } from "node:crypto";
import type { Clock } from "../../base/clock.js";
import { intervalOf } from "./call-interval.js";
import { CallRing, type RecordedEnd } from "./call-ring.js";
import {
  type EndKind,
  endedUs,
  flightRecord,
  type Header,
  headerOf,
  type RecordedCall,
  sentUs,
} from "./flight-record.js";

export interface RecorderOptions
  extends Pick<Header, "account" | "replica" | "ledger" | "callsPerSecond" | "callTimeoutMs"> {
  readonly clock: Clock;
  /** Number of replicas that share the ledger now, as far as known. */
  readonly replicas?: () => number | undefined;
  /** The longest that a call can still be traveling after it was given up. */
  readonly marginMs: number;
}

/** One call that was sent. */
export interface RecordingCall {
  /**
   * To be called once. The second of the call's token begins no earlier than `endedMs`, or
   * `hiddenMs` earlier if calls are asserted to be counted on arrival.
   */
  ended(endedMs: number, kind: EndKind, requestId?: string, hiddenMs?: number): void;
}

/** An hour at the full rate, in seconds. */
const REMEMBERED_S = 3600;

/** 7.2 MB, whatever the quota. */
const MOST_CALLS = 100_000;

export class FlightRecorder {
  readonly #options: RecorderOptions;
  readonly #recording = randomUUID();
  readonly #zeroMs: number;
  readonly #ended: CallRing;
  /** Never more than there are tokens. */
  readonly #inFlight = new Set<{ readonly sentMs: number; readonly devices: number }>();
  #completeSinceUs = 0;

  constructor(options: RecorderOptions) {
    this.#options = options;
    this.#zeroMs = options.clock.now();
    this.#ended = new CallRing(Math.min(options.callsPerSecond * REMEMBERED_S, MOST_CALLS));
  }

  /**
   * Records a call. `sentMs` is monotonic, and read right before the ledger learns that the call is
   * sent. If it were read later, a lost call would seem to end after its token had begun to come
   * back.
   */
  sent(sentMs: number, devices: number): RecordingCall {
    const call = { sentMs, devices };
    this.#inFlight.add(call);
    return {
      ended: (endedMs, kind, requestId = "", hiddenMs = 0) => {
        if (!this.#inFlight.delete(call)) return;
        const arrived = hiddenMs > 0 && { arrivedByMs: endedMs - hiddenMs };
        const forgotten = this.#ended.add({ ...call, endedMs, ...arrived, kind, requestId });
        if (forgotten) this.#forget(forgotten);
      },
    };
  }

  /** The file as of now, in pieces. Calls that happen while they are read are not included. */
  file(): Iterable<string> {
    const { clock, account, replica, ledger, callsPerSecond, callTimeoutMs, marginMs } = this.#options;
    const replicas = this.#options.replicas?.();
    const writtenAtMs = this.#sentUs(clock.now()) / 1000;
    const wallMs = clock.wallNow();
    const dateAt = (ms: number) => new Date(wallMs - writtenAtMs + ms).toISOString();
    const inFlight = [...this.#inFlight].map(({ sentMs, devices }): RecordedCall => {
      return { sentUs: this.#sentUs(sentMs), endedUs: undefined, kind: "in-flight", devices, requestId: "" };
    });
    const completeSinceMs = this.#completeSinceUs / 1000;
    const header = headerOf({
      account,
      replica,
      recording: this.#recording,
      ...(ledger && { ledger }),
      ...(replicas !== undefined && { replicas }),
      callsPerSecond,
      callTimeoutMs,
      marginMs,
      recordingSince: dateAt(0),
      completeSince: dateAt(completeSinceMs),
      completeSinceMs,
      writtenAt: dateAt(writtenAtMs),
      writtenAtMs,
      calls: this.#ended.size + inFlight.length,
    });
    return flightRecord(header, this.#both(this.#ended.calls(), inFlight));
  }

  *#both(ended: Iterable<RecordedEnd>, inFlight: readonly RecordedCall[]): Generator<RecordedCall> {
    for (const call of ended) yield this.#recorded(call);
    yield* inFlight;
  }

  #forget(call: RecordedEnd): void {
    const interval = intervalOf(this.#recorded(call), this.#options, 0);
    if (interval) this.#completeSinceUs = Math.max(this.#completeSinceUs, interval.toUs + 1);
  }

  #recorded({ sentMs, endedMs, arrivedByMs, kind, devices, requestId }: RecordedEnd): RecordedCall {
    const sent = this.#sentUs(sentMs);
    const usOf = (ms: number) => endedUs(ms - this.#zeroMs, sent);
    const arrived = arrivedByMs !== undefined && { arrivedByUs: usOf(arrivedByMs) };
    return { sentUs: sent, endedUs: usOf(endedMs), ...arrived, kind, devices, requestId };
  }

  #sentUs(sentMs: number): number {
    return sentUs(sentMs - this.#zeroMs);
  }
}
