// Chunks and pages of results on their way from the thread of the database: one text and a few
// arrays are copied faster than thousands of strings and objects.
import type { FedChunk, ResultsPage, StoredResult } from "../store.js";

/** Names in one text, as they are stored. */
export type PackedChunk = Omit<FedChunk, "names"> & { readonly names: string };

export interface PackedPage {
  readonly positions: Float64Array;
  readonly names: string;
  readonly kinds: Uint8Array;
  /** Each failure once. */
  readonly failures: readonly string[];
  /** For each result an index in `failures`. */
  readonly references: Uint32Array;
  readonly next: number | undefined;
}

export function packedPage({ results, next }: ResultsPage): PackedPage {
  const failures = new Map<string, number>();
  const references = results.map(({ failure }) => {
    const known = failures.get(failure) ?? failures.size;
    failures.set(failure, known);
    return known;
  });
  return {
    positions: Float64Array.from(results, ({ position }) => position),
    names: results.map(({ name }) => name).join("\n"),
    kinds: Uint8Array.from(results, ({ kind }) => kind),
    failures: [...failures.keys()],
    references: Uint32Array.from(references),
    next,
  };
}

export function unpackedPage({ positions, names, kinds, failures, references, next }: PackedPage): ResultsPage {
  const list = names.split("\n");
  const results: StoredResult[] = [];
  for (let at = 0; at < positions.length; at++) {
    results.push({
      position: positions[at] as number,
      name: list[at] as string,
      kind: kinds[at] as number,
      failure: failures[references[at] as number] as string,
    });
  }
  return { results, ...(next !== undefined && { next }) };
}

export function unpackedChunk<Other extends string | undefined>(answer: PackedChunk | Other): FedChunk | Other {
  return typeof answer === "object" ? { ...answer, names: answer.names.split("\n") } : answer;
}
