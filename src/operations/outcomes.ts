// The outcomes of the devices of one chunk, as they are stored: a byte and a reference for each
// device, and each failure once. Merging keeps the rule that a final outcome never changes.
import { OUTCOMES } from "../gateway/device-outcome.js";

/** No outcome yet. */
export const OPEN = 0;

/**
 * Set while the outcome of the cancel is known and its task is still being read back: the outcome
 * may be replaced, and does not count yet.
 */
const PROVISIONAL = 0x80;

/** Outcomes of a chunk; mutable, and as long as the chunk. */
export interface Outcomes {
  /** For each device OPEN, or `markOf` its outcome. */
  readonly marks: Uint8Array;
  /** For each device 0, or 1 + index in `failures`. */
  readonly references: Uint16Array;
  /** JSON of each failure. */
  readonly failures: string[];
}

/** `kind` is an index of OUTCOMES in gateway/device-outcome.ts. */
export function markOf(kind: number, isProvisional = false): number {
  return (kind + 1) | (isProvisional ? PROVISIONAL : 0);
}

/** The index of OUTCOMES, of a mark that is not OPEN. */
export function kindOfMark(mark: number): number {
  return (mark & ~PROVISIONAL) - 1;
}

export function isFinal(mark: number): boolean {
  return mark !== OPEN && (mark & PROVISIONAL) === 0;
}

export function noOutcomes(devices: number): Outcomes {
  return { marks: new Uint8Array(devices), references: new Uint16Array(devices), failures: [] };
}

/** Sets the outcome of one device. `failure` is JSON; empty for none. */
export function setOutcome(outcomes: Outcomes, index: number, mark: number, failure: string): void {
  outcomes.marks[index] = mark;
  outcomes.references[index] = failure === "" ? 0 : referenceTo(outcomes.failures, failure);
}

/** The failure of a device; empty for none. */
export function failureAt({ references, failures }: Outcomes, index: number): string {
  const reference = references[index] ?? 0;
  return reference === 0 ? "" : (failures[reference - 1] as string);
}

/**
 * Adds the outcomes that `added` has to `stored`, and returns the number of devices that became
 * final, by kind. Final outcomes of `stored` stay.
 */
export function mergeOutcomes(stored: Outcomes, added: Outcomes): number[] {
  const counts = noCounts();
  for (let index = 0; index < stored.marks.length; index++) {
    const mark = added.marks[index] ?? OPEN;
    if (mark === OPEN || isFinal(stored.marks[index] as number)) continue;
    setOutcome(stored, index, mark, failureAt(added, index));
    if (isFinal(mark)) counts[kindOfMark(mark)] = (counts[kindOfMark(mark)] as number) + 1;
  }
  return counts;
}

/**
 * Makes every outcome final, and gives devices without one `kind` and `failure`. Returns the number
 * of devices that became final, by kind.
 */
export function closeOutcomes(stored: Outcomes, kind: number, failure: string): number[] {
  const counts = noCounts();
  for (let index = 0; index < stored.marks.length; index++) {
    const mark = stored.marks[index] as number;
    if (isFinal(mark)) continue;
    if (mark === OPEN) setOutcome(stored, index, markOf(kind), failure);
    else stored.marks[index] = markOf(kindOfMark(mark));
    const found = kindOfMark(stored.marks[index] as number);
    counts[found] = (counts[found] as number) + 1;
  }
  return counts;
}

/** Devices by kind, in the order of OUTCOMES: none yet. */
export function noCounts(): number[] {
  return OUTCOMES.map(() => 0);
}

/** Devices without a final outcome. */
export function openDevices({ marks }: Outcomes): number {
  let open = 0;
  for (const mark of marks) if (!isFinal(mark)) open++;
  return open;
}

/**
 * For a store: marks, then references in little-endian order. Failures are stored beside it, as
 * JSON.
 */
export function encodeOutcomes({ marks, references }: Outcomes): Uint8Array {
  const bytes = new Uint8Array(marks.length * 3);
  bytes.set(marks);
  const view = new DataView(bytes.buffer, marks.length);
  for (let index = 0; index < references.length; index++) view.setUint16(2 * index, references[index] as number, true);
  return bytes;
}

export function decodeOutcomes(bytes: Uint8Array, failures: string): Outcomes {
  const devices = bytes.length / 3;
  const view = new DataView(bytes.buffer, bytes.byteOffset + devices);
  const references = new Uint16Array(devices);
  for (let index = 0; index < devices; index++) references[index] = view.getUint16(2 * index, true);
  return { marks: bytes.slice(0, devices), references, failures: JSON.parse(failures) as string[] };
}

/** Equal failures share an entry: a refused call has one for 200 devices. */
function referenceTo(failures: string[], failure: string): number {
  const last = failures.length - 1;
  const index = failures[last] === failure ? last : failures.indexOf(failure);
  return index >= 0 ? index + 1 : failures.push(failure);
}
