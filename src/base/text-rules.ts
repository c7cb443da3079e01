// What text of callers may look like: a length and a set of characters for each kind, and what to say of a
// text that breaks its rule. A text itself is never repeated: names stay out of error texts, and a character
// that nobody can see is told by its number.

/** Lengths are in UTF-16 code units, which are characters but for those beyond the basic plane. */
export interface TextRule {
  readonly least: number;
  readonly most: number;
  /** Matches the first character that is not allowed. */
  readonly foreign: RegExp;
  /** What is allowed, in words. */
  readonly allowed: string;
}

/** As the upstream's RegisterDevice documents names. */
export const DEVICE_NAME: TextRule = {
  least: 4,
  most: 32,
  foreign: /[^A-Za-z0-9\-_@.:]/u,
  allowed: "4-32 of A-Za-z0-9-_@.:",
};

/** The upstream documents no grammar for its ids; its samples are letters, digits and `*`. */
export const ID: TextRule = {
  least: 1,
  most: 64,
  foreign: /[^\x21-\x7e]/u,
  allowed: "1-64 printable ASCII characters",
};

/** As the configuration takes them. */
export const ACCOUNT: TextRule = { least: 1, most: 63, foreign: /[^\w.-]/u, allowed: "1-63 of A-Za-z0-9_.-" };

/**
 * Free text, in any language: nothing that a reader cannot see, that reorders what is beside it, or that a
 * terminal takes for a command. U+FFFD is what bytes that are not UTF-8 have become.
 */
export const REASON: TextRule = {
  least: 0,
  most: 256,
  foreign: /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\ufffd]/u,
  allowed: "up to 256 visible characters",
};

/** What is wrong with a text, in few words and printable ASCII; undefined if nothing is. */
export function wrongWith(text: string, { least, most, foreign, allowed }: TextRule): string | undefined {
  if (text.length < least || text.length > most) return `must be ${allowed}, has ${text.length}`;
  const at = text.search(foreign);
  if (at < 0) return undefined;
  const code = text.codePointAt(at) ?? 0;
  return `must be ${allowed}, has U+${code.toString(16).toUpperCase().padStart(4, "0")} at ${at + 1}`;
}
