// A fingerprint of a set of devices, which shows that two lists are the same without showing them. Anybody
// can compute it: SHA-256, in hex, over the names without repetitions, sorted by byte, one newline between
// two. With a name a line: `LC_ALL=C sort -u names.txt | head -c -1 | sha256sum`.
import { createHash } from "node:crypto";

/** Names that the gateway accepts are ASCII, where the order of bytes and of UTF-16 is the same. */
export function deviceDigest(names: readonly string[]): string {
  const sorted = isSortedSet(names) ? names : [...new Set(names)].sort();
  return createHash("sha256").update(sorted.join("\n")).digest("hex");
}

/** Most lists are; sorting ten thousand names takes some milliseconds. */
function isSortedSet(names: readonly string[]): boolean {
  return names.every((name, n) => n === 0 || (names[n - 1] as string) < name);
}
