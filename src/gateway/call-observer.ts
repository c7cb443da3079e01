// The seam to whoever watches upstream calls: the flight recorder, the page, the metrics. They are told of each call
// when it is sent and when it has ended; they are quick, and never throw.

/** A call as it is sent. Names no device. */
export interface SentCall {
  /** Monotonic: read before the ledger was told that the call is sent. */
  readonly sentMs: number;
  readonly sentWallMs: number;
  readonly productKey: string;
  readonly firmwareId: string;
  readonly jobId: string;
  readonly devices: number;
  /** A device that two asked for counts for both. */
  readonly devicesByCaller: ReadonlyMap<string, number>;
  /** The largest over the devices in the call. */
  readonly attempt: number;
  /** For how long the first of those in the call has waited. */
  readonly tokenWaitMs: number;
}

/** How it ended. */
export interface EndedCall {
  /** Monotonic: read before the token's second began. */
  readonly endedMs: number;
  readonly durationMs: number;
  readonly kind: "accepted" | "refused" | "lost" | "unwritten";
  readonly requestId?: string;
  /** The upstream's. */
  readonly code?: string;
  /** Refused for rate. */
  readonly throttled: boolean;
  /** The gateway's own credentials, clock or signature were at fault. */
  readonly ours: boolean;
  /** Why there was no answer. Names no device and no secret. */
  readonly cause?: string;
}

export interface CallObserver {
  sent(call: SentCall): void;
  /** With the very object that `sent` was given. */
  ended(call: SentCall, end: EndedCall): void;
}
