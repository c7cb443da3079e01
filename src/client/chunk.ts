// Devices that are asked for in one request, each once, however often the caller named it.
import { DEVICE_NAME, wrongWith } from "../base/text-rules.js";
import type { Failure } from "./failure.js";
import type { DeviceResult } from "./response.js";

export interface Chunk {
  readonly names: readonly string[];
  /** How many results a name is owed beyond one. */
  readonly repeats: ReadonlyMap<string, number>;
  readonly tries: number;
  /** Whether an earlier try may have reached the gateway. */
  readonly mayHaveBeenSent: boolean;
  /** Monotonic time before which it is not asked for. */
  readonly notBeforeMs: number;
  /** There if its devices were refused together with others, and could not be told apart. */
  readonly undecided?: Failure;
}

/** The chunk, and the results of what cannot be asked for. */
export function chunkOf(taken: readonly string[]): {
  readonly chunk: Chunk;
  readonly invalid: readonly DeviceResult[];
} {
  const names = new Set<string>();
  const repeats = new Map<string, number>();
  const invalid: DeviceResult[] = [];
  for (const name of taken) {
    // JavaScript keeps nobody from passing on what a database gave.
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

/** Both halves of it, in order. */
export function halvesOf(chunk: Chunk): Chunk[] {
  const middle = Math.ceil(chunk.names.length / 2);
  return [chunk.names.slice(0, middle), chunk.names.slice(middle)].map((names) => ({ ...chunk, names }));
}

/** The results of a chunk that is given up. What is known of its devices already is not made less by that. */
export function givenUp({ names, mayHaveBeenSent, undecided }: Chunk, failure: Failure): DeviceResult[] {
  const outcome = mayHaveBeenSent ? "UNKNOWN" : "NOT_ATTEMPTED";
  return names.map((deviceName) => ({ deviceName, outcome, ok: false, failure: undecided ?? failure }));
}

/** One for each time that the caller named it. */
export function* owed(results: Iterable<DeviceResult>, { repeats }: Chunk): Generator<DeviceResult> {
  for (const result of results) {
    for (let left = 1 + (repeats.get(result.deviceName) ?? 0); left > 0; left--) yield result;
  }
}
