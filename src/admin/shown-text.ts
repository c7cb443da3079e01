// Text from callers and from the upstream, as it may be shown: it says no more and no less than it
// holds. What a reader cannot see, or what would reorder the line, is spelled out; length is bounded.

const INVISIBLE = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu;

/** The text, at most `longest` characters and what they take to be seen. */
export function shownText(text: string, longest: number): string {
  const kept = text.length > longest ? `${text.slice(0, longest - 1)}…` : text;
  return kept.replace(INVISIBLE, (character) => {
    const code = character.codePointAt(0) ?? 0;
    return `\\u{${code.toString(16).toUpperCase()}}`;
  });
}
