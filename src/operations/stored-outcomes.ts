// How both databases keep the outcomes of a chunk, and how the counts of an operation follow when
// chunks change: a device is counted once, when its outcome becomes final.
import { OUTCOMES } from "../gateway/device-outcome.js";
import {
  closeOutcomes,
  decodeOutcomes,
  encodeOutcomes,
  hasOpenDevices,
  mergeOutcomes,
  noOutcomes,
  type Outcomes,
} from "./outcomes.js";

/** Columns of a chunk. Null until something is known of one of its devices. */
export interface StoredOutcomes {
  readonly devices: number;
  readonly outcomes: Uint8Array | null;
  readonly failures: string | null;
}

const UNKNOWN = OUTCOMES.indexOf("unknown");
const NOT_ATTEMPTED = OUTCOMES.indexOf("not-attempted");

export function outcomesIn({ devices, outcomes, failures }: StoredOutcomes): Outcomes {
  return outcomes ? decodeOutcomes(outcomes, devices, failures ?? "[]") : noOutcomes(devices);
}

/** The columns that change with the outcomes. */
export function columnsFor(outcomes: Outcomes) {
  return {
    outcomes: encodeOutcomes(outcomes),
    failures: JSON.stringify(outcomes.failures),
    isOpen: hasOpenDevices(outcomes),
  };
}

/** Adds outcomes to a chunk, and to the counts of its operation. */
export function countMerged(counts: number[], stored: Outcomes, added: Outcomes): void {
  add(counts, mergeOutcomes(stored, added));
}

/** The operation ends: devices of a chunk that was fed may have been sent. */
export function countClosed(counts: number[], stored: Outcomes, sent: string): void {
  add(counts, closeOutcomes(stored, UNKNOWN, sent));
}

/** The operation ends: what is left of its devices was not sent. */
export function countUnsent(counts: number[], devices: number): void {
  counts[NOT_ATTEMPTED] = (counts[NOT_ATTEMPTED] ?? 0) + devices - sumOf(counts);
}

export function sumOf(counts: readonly number[]): number {
  return counts.reduce((sum, each) => sum + each, 0);
}

function add(counts: number[], added: readonly number[]): void {
  for (const [kind, devices] of added.entries()) counts[kind] = (counts[kind] ?? 0) + devices;
}
