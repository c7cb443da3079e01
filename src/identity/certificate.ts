// Derives the caller's name from its client certificate: the SPIFFE ID, else the first DNS name,
// else the common name. Only for certificates that have been verified. A name that is not valid, or
// that imitates another kind of name, is not accepted.
import { isCallerName } from "./caller-name.js";

/** The fields of Node's peer certificate that are used here. */
export interface NamedCertificate {
  readonly subject?: { readonly CN?: string | readonly string[] | undefined } | undefined;
  readonly subjectaltname?: string | undefined;
}

const SPIFFE = "spiffe://";

/**
 * One alternative name. Node quotes values with a comma or a quote as JSON, so no value can end
 * early.
 */
const ALTERNATIVE = /(?:, |^)([\w ]+):(?:("(?:[^"\\]|\\.)*")|([^",]*))(?=, |$)/y;

/** The name; undefined if the certificate has no usable one. */
export function nameOfCertificate({ subject, subjectaltname }: NamedCertificate): string | undefined {
  const alternatives = alternativesOf(subjectaltname ?? "");
  if (!alternatives) return undefined;
  const [spiffe, another] = alternatives.filter(({ kind, value }) => kind === "URI" && value.startsWith(SPIFFE));
  if (another) return undefined; // SPIFFE allows only one, and there is no way to choose between two
  if (spiffe) return plain(spiffe.value);
  const name = alternatives.find(({ kind }) => kind === "DNS")?.value ?? subject?.CN;
  return typeof name === "string" && !name.startsWith(SPIFFE) ? plain(name) : undefined;
}

function plain(name: string): string | undefined {
  return isCallerName(name) ? name : undefined;
}

interface Alternative {
  readonly kind: string;
  readonly value: string;
}

/**
 * Parses the list. Undefined if any part is not understood: half a list could hide the name that
 * counts.
 */
function alternativesOf(text: string): Alternative[] | undefined {
  const found: Alternative[] = [];
  let read = 0;
  while (read < text.length) {
    ALTERNATIVE.lastIndex = read;
    const [whole = "", kind = "", quoted, bare = ""] = ALTERNATIVE.exec(text) ?? [];
    if (whole === "") return undefined;
    const value = quoted === undefined ? bare : unquoted(quoted);
    if (value === undefined) return undefined;
    found.push({ kind, value });
    read += whole.length;
  }
  return found;
}

function unquoted(text: string): string | undefined {
  try {
    return String(JSON.parse(text));
  } catch {
    return undefined;
  }
}
