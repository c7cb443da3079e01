// The seam to observers of upstream calls: the flight recorder, the admin page and the metrics.
// They are notified when a call is sent and when it ends. Observers must be quick and must never
// throw.
import type { Reaction } from "./upstream.js";

/** A call at the moment it is sent. Contains no device names. */
export interface SentCall {
  /** Monotonic: read before the ledger was notified that the call is sent. */
  readonly sentMs: number;
  readonly sentWallMs: number;
  readonly productKey: string;
  readonly firmwareId: string;
  readonly jobId: string;
  readonly devices: number;
  /** A device that two callers asked for counts for both. */
  readonly devicesByCaller: ReadonlyMap<string, number>;
  /** The largest attempt number of the devices in the call. */
  readonly attempt: number;
  /** How long the earliest request in the call has waited. */
  readonly tokenWaitMs: number;
}

/** The end of a call. */
export interface EndedCall {
  /** Monotonic: read before the second began after which the token returns. */
  readonly endedMs: number;
  readonly durationMs: number;
  /** The call had arrived so long before `endedMs`, if the upstream counts calls on arrival. */
  readonly hiddenMs?: number;
  readonly kind: "accepted" | "refused" | "lost" | "unwritten";
  readonly requestId?: string;
  /** The upstream's code. */
  readonly code?: string;
  /** The upstream refused the call for rate. */
  readonly throttled: boolean;
  /** The gateway's own credentials, clock or signature caused the failure. */
  readonly ours: boolean;
  /** The reaction that a refusal calls for. */
  readonly reaction?: Reaction;
  /** Why there was no answer. Contains no device names and no secrets. */
  readonly cause?: string;
}

export interface CallObserver {
  sent(call: SentCall): void;
  /** Receives the same object that `sent` received. */
  ended(call: SentCall, end: EndedCall): void;
}
