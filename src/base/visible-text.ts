// Spells out the characters that a reader would not see or would misread: control characters,
// characters that reorder or join their neighbors, lone surrogates, and line ends that JSON does
// not know as such.

const INVISIBLE = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu;

/** Writes each invisible character as `\u{202E}`, except those in `kept`. */
export function visible(text: string, kept = ""): string {
  return text.replace(INVISIBLE, (character) => {
    if (kept.includes(character)) return character;
    return `\\u{${(character.codePointAt(0) ?? 0).toString(16).toUpperCase()}}`;
  });
}

/**
 * Escapes one line of JSON further than JSON demands; it parses to the same value. Some readers end
 * a line at U+2028, and a terminal takes U+009B for a command.
 */
export function visibleJson(json: string): string {
  return /[^\x20-\x7e]/.test(json) ? json.replace(/[\p{C}\p{Zl}\p{Zp}]/gu, escaped) : json;
}

function escaped(character: string): string {
  return character
    .split("") // by code units, as JSON escapes them
    .map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`)
    .join("");
}
