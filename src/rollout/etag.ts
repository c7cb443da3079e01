// The etag of a rollout: which batches were open when it was read. A batch that has ended since
// then does not change the rollout, because an emergency must not fail for it; a new one does.
import { createHash } from "node:crypto";

const HASH_CHARS = 8;
/** Of a rollout without open batches. An empty etag in an order would be no condition. */
const NONE_OPEN = "none";

export function etagOf(openJobIds: Iterable<string>): string {
  return [...new Set([...openJobIds].map(hashOf))].sort().join("") || NONE_OPEN;
}

/** Whether a batch is open that was not open at the time of the etag. */
export function hasNewJob(etag: string, openJobIds: Iterable<string>): boolean {
  const known = new Set<string>();
  for (let at = 0; at < etag.length; at += HASH_CHARS) known.add(etag.slice(at, at + HASH_CHARS));
  return [...openJobIds].some((jobId) => !known.has(hashOf(jobId)));
}

function hashOf(jobId: string): string {
  return createHash("sha256").update(jobId).digest("base64url").slice(0, HASH_CHARS);
}
