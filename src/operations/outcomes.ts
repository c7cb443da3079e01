// The outcomes of the devices of one chunk, as they are stored: a byte for each device, a reference
// for each if any has failed, and each failure once. A final outcome never changes.
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
  /** For each device 0, or 1 + index in `failures`. Undefined while no device has a failure. */
  references: Uint16Array | undefined;
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
  return { marks: new Uint8Array(devices), references: undefined, failures: [] };
}

/** Sets the outcome of one device. `failure` is JSON; empty for none. */
export function setOutcome(outcomes: Outcomes, index: number, mark: number, failure: string): void {
  outcomes.marks[index] = mark;
  if (failure !== "") outcomes.references ??= new Uint16Array(outcomes.marks.length);
  if (outcomes.references) outcomes.references[index] = failure === "" ? 0 : referenceTo(outcomes.failures, failure);
}

/** The failure of a device; empty for none. */
export function failureAt({ references, failures }: Outcomes, index: number): string {
  const reference = references?.[index] ?? 0;
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

/** Whether any device is without a final outcome. */
export function hasOpenDevices({ marks }: Outcomes): boolean {
  return !marks.every(isFinal);
}

/**
 * For a store: marks, then references in little-endian order, if there are any: nearly always there
 * are none. Failures are stored beside it, as JSON.
 */
export function encodeOutcomes({ marks, references }: Outcomes): Uint8Array {
  if (!references) return marks;
  const bytes = new Uint8Array(marks.length * 3);
  bytes.set(marks);
  const view = new DataView(bytes.buffer, marks.length);
  for (const [index, reference] of references.entries()) view.setUint16(2 * index, reference, true);
  return bytes;
}

/** `devices`: the length of the chunk. */
export function decodeOutcomes(bytes: Uint8Array, devices: number, failures: string): Outcomes {
  const outcomes: Outcomes = {
    marks: bytes.slice(0, devices),
    references: undefined,
    failures: JSON.parse(failures) as string[],
  };
  if (bytes.length === devices) return outcomes;
  const view = new DataView(bytes.buffer, bytes.byteOffset + devices);
  outcomes.references = Uint16Array.from({ length: devices }, (_, index) => view.getUint16(2 * index, true));
  return outcomes;
}

/** Equal failures share an entry: a refused call has one for 200 devices. */
function referenceTo(failures: string[], failure: string): number {
  const last = failures.length - 1;
  const index = failures[last] === failure ? last : failures.indexOf(failure);
  return index >= 0 ? index + 1 : failures.push(failure);
}
