// Decides what may be passed on of the upstream's own words. Its texts can quote the signed
// request: addresses, key ids, signatures, the whole string to sign. None of these may reach a log,
// a span or a caller.

/** Replaces any text about signatures, because such texts quote secrets. */
const SIGNATURE_REFUSED = "The upstream did not accept the gateway's signature.";

const LONGEST_MESSAGE = 300;
/**
 * Characters read before the text is shortened, so that the patterns below see whole words of a
 * bounded text.
 */
const LONGEST_READ = 2048;

const SECRETS: readonly (readonly [pattern: RegExp, replacement: string])[] = [
  [/\b[a-z][a-z0-9+.-]{1,20}:\/\/\S+/gi, "[address]"],
  [/\b(?:[a-z0-9-]{1,63}\.){1,8}(?:com|cn|net|org|io|local|internal)\b(?::\d+)?/gi, "[address]"],
  [/\b\d{1,3}(?:\.\d{1,3}){3}(?::\d+)?\b/g, "[address]"],
  [/\b(?:LTAI[A-Za-z0-9]{8,}|STS\.[A-Za-z0-9]{8,})/g, "[key]"],
  [/\b[0-9a-f]{40,}\b/gi, "[signature]"],
  [/(?<![A-Za-z0-9+/])[A-Za-z0-9+/]{27}=/g, "[signature]"],
];

/**
 * The characters of device names. The names are not known here, so a word that holds a secret is
 * hidden whole.
 */
const NAME = "[A-Za-z0-9\\-_@.:]";

/** A redacted word with what adjoins it, except a full stop or colon at its end. */
const REDACTED_WORD = new RegExp(
  `(?<!${NAME})(?:${NAME}*\\[(address|key|signature)\\])+${NAME}*?(?=[.:]?(?!${NAME}))`,
  "g",
);

/** A word with a part missing, which might be the rest of a device name. */
const CUT_WORD = new RegExp(`(?<!${NAME})(?:${NAME}*(?:…|\\.{3}))+${NAME}*`, "g");

/**
 * Shortens the upstream's text on a refusal to one line, without addresses, keys, signatures and
 * `secrets`.
 */
export function redactSecrets(message: string, code: string, secrets: readonly string[]): string {
  if (/signature/i.test(code) || /string ?to ?sign/i.test(message)) return SIGNATURE_REFUSED;
  let text = message.slice(0, LONGEST_READ).toWellFormed(); // JSON can name half a character, and no header can hold it
  // A key cut in two would match no pattern.
  if (message.length > LONGEST_READ) text = text.replace(/\S*$/, "");
  text = text.replace(/[\p{Cc}\p{Cf}\s]+/gu, " ").trim();
  text = text.replace(/%(?:25)*3A/gi, ":").replace(/%(?:25)*40/gi, "@"); // device names as an address encodes them
  text = withoutSecrets(text, secrets);
  for (const [pattern, replacement] of SECRETS) text = text.replace(pattern, replacement);
  text = text.replace(REDACTED_WORD, "[$1]");
  if (text.length > LONGEST_MESSAGE) {
    text = `${text.slice(0, LONGEST_MESSAGE - 1).replace(/[\ud800-\udbff]$/, "")}…`;
  }
  return text.replace(CUT_WORD, "…");
}

/**
 * Reduces a code or id to one short word of printable ASCII without `secrets`, for metadata and
 * attributes.
 */
export function word(text: string, secrets: readonly string[] = []): string {
  const printable = text.slice(0, LONGEST_READ).replace(/[^\x21-\x7e]/g, "");
  return withoutSecrets(printable, secrets).slice(0, 128);
}

function withoutSecrets(text: string, secrets: readonly string[]): string {
  return secrets.reduce((rest, secret) => (secret === "" ? rest : rest.replaceAll(secret, "[key]")), text);
}
