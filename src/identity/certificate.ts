// The name that a client certificate gives its bearer: its SPIFFE ID, else its first DNS name, else its common
// name. Only for certificates that have been verified. A name that is not plain, or that pretends to be of
// another kind, names nobody.
import { isCallerName } from "./caller-name.js";

/** What Node tells of a peer's certificate, as far as it matters here. */
export interface NamedCertificate {
  readonly subject?: { readonly CN?: string | readonly string[] | undefined } | undefined;
  readonly subjectaltname?: string | undefined;
}

const SPIFFE = "spiffe://";

/** One alternative name. Node quotes as JSON what holds a comma or a quote, so that no value can end early. */
const ALTERNATIVE = /(?:, |^)([\w ]+):(?:("(?:[^"\\]|\\.)*")|([^",]*))(?=, |$)/y;

/** Undefined if it names nobody. */
export function nameOfCertificate({ subject, subjectaltname }: NamedCertificate): string | undefined {
  const alternatives = alternativesOf(subjectaltname ?? "");
  if (!alternatives) return undefined;
  const [spiffe, another] = alternatives.filter(({ kind, value }) => kind === "URI" && value.startsWith(SPIFFE));
  if (another) return undefined; // by SPIFFE's own rule there is one, and which of two to believe nobody can say
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

/** Undefined if the text is not wholly understood: half a list could hide the name that counts. */
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
