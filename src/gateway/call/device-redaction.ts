// The upstream's words as one of those in the call may read them: without the devices of the others. Exact, since
// callers choose names, and may choose them to overlap: a name is left standing only within one of the reader's own.

/** In place of a device of somebody else. */
const HIDDEN = "***";

/** `message` without those of the `named` devices that are not the reader's `own`. */
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
    // What ends within an own name is a part of it: who has `dev-12` learns nothing of `dev-1` from it.
    if (otherEnd > ownUntil) {
      if (at >= hiddenUntil) told += HIDDEN;
      hiddenUntil = Math.max(hiddenUntil, otherEnd);
    }
    if (at >= hiddenUntil) told += message[at];
  }
  return told;
}

/** By position in the text, where the longest of these names that begins there ends. */
function endsOf(names: readonly string[], text: string): number[] {
  const ends: number[] = [];
  for (const name of names) {
    for (let at = text.indexOf(name); at >= 0; at = text.indexOf(name, at + 1)) {
      ends[at] = Math.max(ends[at] ?? 0, at + name.length);
    }
  }
  return ends;
}
