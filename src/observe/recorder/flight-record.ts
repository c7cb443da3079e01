// Defines the file format of the flight recorder: JSON Lines, a header and then one line for each
// upstream call. Times count from the header's zero, in milliseconds with three decimals. It holds
// no device name and no secret.

const FORMAT = "ota-gateway flight record";
const VERSION = 1;

/** How calls end. `throttled`: refused for rate. `unwritten`: nothing of it left this machine. */
export const END_KINDS = ["accepted", "refused", "throttled", "lost", "unwritten"] as const;
export type EndKind = (typeof END_KINDS)[number];

/** Every kind of line. */
export const CALL_KINDS = [...END_KINDS, "in-flight"] as const;
export type CallKind = (typeof CALL_KINDS)[number];

/** Where the account's tokens are: in this process alone, or in a store that replicas share. */
export const LEDGERS = ["in-process", "shared"] as const;

/** The first line. */
export interface Header {
  readonly format: typeof FORMAT;
  readonly version: typeof VERSION;
  readonly account: string;
  readonly replica: string;
  /**
   * Id of one process's recording. Files with the same id share a clock, and may repeat each
   * other's calls.
   */
  readonly recording: string;
  /** Missing in files of earlier versions. */
  readonly ledger?: (typeof LEDGERS)[number];
  /**
   * Number of replicas that shared the ledger when this was written, including this one. Absent if
   * unknown.
   */
  readonly replicas?: number;
  /** N, the calls a second that the upstream allows. */
  readonly callsPerSecond: number;
  readonly callTimeoutMs: number;
  /** The longest that a call can still be traveling after it was given up. */
  readonly marginMs: number;
  /** The zero of all times. This process knows nothing of earlier calls. */
  readonly recordingSince: string;
  /**
   * Every call that can have arrived from this moment on is in the file; earlier ones may have been
   * dropped.
   */
  readonly completeSince: string;
  readonly completeSinceMs: number;
  /** The same moment by the wall clock and by the recording's own clock. */
  readonly writtenAt: string;
  readonly writtenAtMs: number;
  /** Number of lines that follow, so that an incomplete file is noticed. */
  readonly calls: number;
}

/** One upstream call. Times are whole microseconds from the header's zero. */
export interface RecordedCall {
  readonly sentUs: number;
  /** Undefined while the call is in flight. */
  readonly endedUs: number | undefined;
  /** Counted by then, if the upstream counts calls on arrival, as was asserted of it. */
  readonly arrivedByUs?: number;
  readonly kind: CallKind;
  readonly devices: number;
  /** Empty if the upstream gave none. */
  readonly requestId: string;
}

/** Lines are written in pieces of about this many characters. */
const PIECE_CHARS = 65_536;

/**
 * Floating point arithmetic is off by a few nanoseconds after years of uptime. Without this margin,
 * a call sent at the very moment at which its token is back could seem to be sent just before.
 */
const FLOAT_ERROR_US = 0.02;

/**
 * Rounds down, as `endedUs` does, so that moments a whole number of microseconds apart stay exactly
 * so. A run that keeps the rule then never seems to break it, and one that breaks it by three
 * microseconds always does. Rounding outwards would show one arrival too many in every busy run.
 */
export function sentUs(ms: number): number {
  return Math.floor(ms * 1000 + FLOAT_ERROR_US);
}

/** Never before the call was sent, which rounding could cause for a call that took no time. */
export function endedUs(ms: number, sentAtUs: number): number {
  return Math.max(Math.floor(ms * 1000), sentAtUs);
}

/** Adds to a header what is the same for all files. */
export function headerOf(header: Omit<Header, "format" | "version">): Header {
  return { format: FORMAT, version: VERSION, ...header };
}

/** Whether this may be a header of this format, whatever else is in it. */
export function isOurs(header: { readonly format?: unknown; readonly version?: unknown }): boolean {
  return header.format === FORMAT && header.version === VERSION;
}

/** The file, in pieces, so that a hundred thousand lines are never one string. */
export function* flightRecord(header: Header, calls: Iterable<RecordedCall>): Generator<string> {
  let piece = `${JSON.stringify(header)}\n`;
  for (const { sentUs, endedUs, arrivedByUs, kind, devices, requestId } of calls) {
    const ended = endedUs === undefined ? {} : { ended: endedUs / 1000 };
    const arrived = arrivedByUs === undefined ? {} : { arrivedBy: arrivedByUs / 1000 };
    piece += `${JSON.stringify({ sent: sentUs / 1000, ...ended, ...arrived, kind, devices, requestId })}\n`;
    if (piece.length < PIECE_CHARS) continue;
    yield piece;
    piece = "";
  }
  if (piece) yield piece;
}
