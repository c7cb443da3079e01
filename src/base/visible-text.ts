// What of a text a reader would not see, or would take for something else: control characters, what reorders or
// joins its neighbours, halves of pairs, and line ends that are none to JSON. Everything here spells them out.

const INVISIBLE = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu;

/** The text with each of them as `\u{202E}`, but for those in `kept`. */
export function visible(text: string, kept = ""): string {
  return text.replace(INVISIBLE, (character) => {
    if (kept.includes(character)) return character;
    return `\\u{${(character.codePointAt(0) ?? 0).toString(16).toUpperCase()}}`;
  });
}

/**
 * One line of JSON, escaped beyond what JSON demands, that reads back as the same: some readers end a line at
 * U+2028, and a terminal takes U+009B for a command.
 */
export function visibleJson(json: string): string {
  return /[^\x20-\x7e]/.test(json) ? json.replace(/[\p{C}\p{Zl}\p{Zp}]/gu, escaped) : json;
}

function escaped(character: string): string {
  return character
    .split("") // by units, as JSON escapes them
    .map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`)
    .join("");
}
