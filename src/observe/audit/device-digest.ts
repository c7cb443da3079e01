// A fingerprint of a set of device names: it shows that two lists are equal without revealing them.
// Anybody can compute it: the SHA-256 in hex of the distinct names, sorted by byte and joined by
// line breaks. From a file with one name per line: `LC_ALL=C sort -u names.txt | head -c -1 |
// sha256sum`.
import { createHash } from "node:crypto";

/** Valid names are ASCII, for which byte order and UTF-16 order are the same. */
export function deviceDigest(names: readonly string[]): string {
  const sorted = isSortedSet(names) ? names : [...new Set(names)].sort();
  return createHash("sha256").update(sorted.join("\n")).digest("hex");
}

/**
 * Checks first, because most lists are sorted, and sorting ten thousand names takes milliseconds.
 */
function isSortedSet(names: readonly string[]): boolean {
  return names.every((name, n) => n === 0 || (names[n - 1] as string) < name);
}
