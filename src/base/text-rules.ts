// Rules for text from outside, of callers and operators: a length and a set of characters for each
// kind, and how to describe a violation. The text itself is never repeated, so that names and keys
// stay out of error texts; an invisible character is reported by its code point.

/** Lengths are in UTF-16 code units, which equal characters within the basic plane. */
export interface TextRule {
  readonly least: number;
  readonly most: number;
  /** Matches the first forbidden character. */
  readonly foreign: RegExp;
  /** Describes what is allowed, for error texts. */
  readonly allowed: string;
}

/** The rule that the upstream's RegisterDevice documents for names. */
export const DEVICE_NAME: TextRule = {
  least: 4,
  most: 32,
  foreign: /[^A-Za-z0-9\-_@.:]/u,
  allowed: "4-32 of A-Za-z0-9-_@.:",
};

/**
 * The upstream documents no grammar for its ids; its samples consist of letters, digits and `*`.
 */
export const ID: TextRule = {
  least: 1,
  most: 64,
  foreign: /[^\x21-\x7e]/u,
  allowed: "1-64 printable ASCII characters",
};

/** The names that the configuration accepts. */
export const ACCOUNT: TextRule = { least: 1, most: 63, foreign: /[^\w.-]/u, allowed: "1-63 of A-Za-z0-9_.-" };

/**
 * Free text in any language, without characters that are invisible, reorder their neighbors or
 * control a terminal. U+FFFD stands for bytes that are not UTF-8.
 */
export const REASON: TextRule = {
  least: 0,
  most: 256,
  foreign: /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\ufffd]/u,
  allowed: "up to 256 visible characters",
};

/**
 * Keys and tokens: what a header can carry, without the quotes that a copied value may bring along.
 * No error ever repeats one.
 */
export const SECRET: TextRule = {
  least: 1,
  most: 16_384,
  foreign: /[^\x21-\x7e]|["'`]/u,
  allowed: "visible ASCII without blanks and quotes",
};

/** Says what is wrong with a text, briefly and in printable ASCII; undefined if nothing is. */
export function wrongWith(text: string, { least, most, foreign, allowed }: TextRule): string | undefined {
  if (text.length < least || text.length > most) return `must be ${allowed}, has ${text.length}`;
  const at = text.search(foreign);
  if (at < 0) return undefined;
  const code = text.codePointAt(at) ?? 0;
  return `must be ${allowed}, has U+${code.toString(16).toUpperCase().padStart(4, "0")} at ${at + 1}`;
}
