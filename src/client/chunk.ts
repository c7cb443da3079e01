// The devices of one request on the stream. Each is in it once, however often the caller named it.
import { DEVICE_NAME, wrongWith } from "../base/text-rules.js";
import type { Failure } from "./failure.js";
import type { DeviceResult } from "./response.js";

export interface Chunk {
  readonly names: readonly string[];
  /** How many more results than one each name is due. */
  readonly repeats: ReadonlyMap<string, number>;
  readonly tries: number;
  /** Whether an earlier try may have reached the gateway. */
  readonly mayHaveBeenSent: boolean;
  /** Monotonic time before which the chunk is not sent again. */
  readonly notBeforeMs: number;
  /** Set if its devices were refused together with others, and the one at fault is unknown. */
  readonly undecided?: Failure;
}

/** Makes a chunk of the valid names, and results for the others. */
export function chunkOf(taken: readonly string[]): {
  readonly chunk: Chunk;
  readonly invalid: readonly DeviceResult[];
} {
  const names = new Set<string>();
  const repeats = new Map<string, number>();
  const invalid: DeviceResult[] = [];
  for (const name of taken) {
    // A JavaScript caller may pass on anything, for instance a database's null.
    const wrong = typeof name === "string" ? wrongWith(name, DEVICE_NAME) : `must be a string, is ${kindOf(name)}`;
    if (wrong) {
      invalid.push({ deviceName: name, outcome: "NOT_ATTEMPTED", ok: false, failure: invalidName(wrong) });
    } else if (names.has(name)) {
      repeats.set(name, (repeats.get(name) ?? 0) + 1);
    } else {
      names.add(name);
    }
  }
  return { chunk: { names: [...names], repeats, tries: 0, mayHaveBeenSent: false, notBeforeMs: 0 }, invalid };
}

function kindOf(value: unknown): string {
  return value === null ? "null" : typeof value;
}

function invalidName(wrong: string): Failure {
  const message = `not a device name: ${wrong}`;
  return { reason: "INVALID_REQUEST", code: "INVALID_ARGUMENT", message, violations: [], devices: {} };
}

/** Splits a chunk in two, keeping the order. */
export function halvesOf(chunk: Chunk): Chunk[] {
  const middle = Math.ceil(chunk.names.length / 2);
  return [chunk.names.slice(0, middle), chunk.names.slice(middle)].map((names) => ({ ...chunk, names }));
}

/** The results of a chunk that is given up. Keeps what is known of its devices already. */
export function givenUp({ names, mayHaveBeenSent, undecided }: Chunk, failure: Failure): DeviceResult[] {
  const outcome = mayHaveBeenSent ? "UNKNOWN" : "NOT_ATTEMPTED";
  return names.map((deviceName) => ({ deviceName, outcome, ok: false, failure: undecided ?? failure }));
}

/** Repeats each result as often as the caller named its device. */
export function* owed(results: Iterable<DeviceResult>, { repeats }: Chunk): Generator<DeviceResult> {
  for (const result of results) {
    for (let left = 1 + (repeats.get(result.deviceName) ?? 0); left > 0; left--) yield result;
  }
}
