// How both databases keep uploads: names in chunks, counted against the bound of the store until
// they are deleted. An upload that is given up takes no more names, and is not published.
import { CHUNK_DEVICES, type StoreBounds, StoreFull, StoreUnavailable } from "./store.js";

/** The cost of an operation or upload, beside its names: it counts as so many devices at least. */
export const LEAST_DEVICES = 100;

/** An upload that has staged nothing for this long was broken off. */
export const UPLOAD_ABANDONED_MS = 15 * 60_000;

/** Set as the time of an upload that is being deleted. */
export const GIVEN_UP_MS = 0;

/** Columns of an upload. Null, or no upload, if nothing was staged. */
export interface StoredUpload {
  readonly devices: number | null;
  readonly staged_ms: number | null;
}

/** The names of a chunk in one text, as both databases keep them. */
export interface ChunkNames {
  readonly devices: number;
  readonly names: string;
}

/** Cuts the names of a list into chunks. */
export function chunksOf(names: readonly string[]): readonly ChunkNames[] {
  return Array.from({ length: Math.ceil(names.length / CHUNK_DEVICES) }, (_, n) => {
    const chunk = names.slice(n * CHUNK_DEVICES, (n + 1) * CHUNK_DEVICES);
    return { devices: chunk.length, names: chunk.join("\n") };
  });
}

/** The number of devices that are staged. Throws StoreUnavailable if they are being deleted. */
export function stagedDevices(upload: StoredUpload | undefined): number {
  if (upload?.staged_ms === GIVEN_UP_MS) throw uploadGivenUp();
  return upload?.devices ?? 0;
}

export function uploadGivenUp(): StoreUnavailable {
  return new StoreUnavailable("the upload has paused for too long, and was given up");
}

/** How much an upload or an operation counts against the bound of the store. */
export function costOf(devices: number): number {
  return Math.max(devices, LEAST_DEVICES);
}

/** Throws StoreFull if a store that holds so much has no room for `cost` more. */
export function checkRoom({ devices: most }: StoreBounds, stored: number, cost: number): void {
  if (stored + cost > most) throw new StoreFull("the store holds as many devices as it may");
}
