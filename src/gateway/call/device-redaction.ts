// Removes other callers' devices from the upstream's text, so that one caller in a shared call may
// read it. The removal is exact, because callers choose device names and may make them overlap: a
// name remains visible only within one of the reader's own names.

/** Replaces a device of another caller. */
const HIDDEN = "***";

/** Returns `message` without the `named` devices that are not the reader's `own`. */
export function redactDevices(message: string, named: readonly string[], own: ReadonlySet<string>): string {
  const others = named.filter((name) => !own.has(name));
  if (others.length === 0) return message;
  const ownEnds = endsOf(
    named.filter((name) => own.has(name)),
    message,
  );
  const otherEnds = endsOf(others, message);
  let told = "";
  let ownUntil = 0;
  let hiddenUntil = 0;
  for (let at = 0; at < message.length; at++) {
    ownUntil = Math.max(ownUntil, ownEnds[at] ?? 0);
    const otherEnd = otherEnds[at] ?? 0;
    // A name that ends within an own name is part of it: the owner of `dev-12` learns nothing about
    // `dev-1` from it.
    if (otherEnd > ownUntil) {
      if (at >= hiddenUntil) told += HIDDEN;
      hiddenUntil = Math.max(hiddenUntil, otherEnd);
    }
    if (at >= hiddenUntil) told += message[at];
  }
  return told;
}

/** For each position in the text, the end of the longest of these names that begins there. */
function endsOf(names: readonly string[], text: string): number[] {
  const ends: number[] = [];
  for (const name of names) {
    for (let at = text.indexOf(name); at >= 0; at = text.indexOf(name, at + 1)) {
      ends[at] = Math.max(ends[at] ?? 0, at + name.length);
    }
  }
  return ends;
}
