// Reads the flat fields of an answer's body, JSON or XML, with names in lower case. A body that is
// not one complete, well-formed answer has no fields, so that half an answer cannot pass for a
// whole one.

/**
 * Field values by lower-case name, because one dialect of the upstream writes `requestId` and
 * `success`.
 */
export type Fields = ReadonlyMap<string, string>;

/** Reads a body; empty if it is neither a JSON object nor an XML element. Ignores content types. */
export function readFields(body: string): Fields {
  const text = body.replace(/^\uFEFF/, "").trim();
  if (text.startsWith("{")) return readJson(text);
  if (text.startsWith("<")) return readXml(text);
  return new Map();
}

function readJson(text: string): Fields {
  const fields = new Map<string, string>();
  try {
    for (const [name, value] of Object.entries(JSON.parse(text) as object)) {
      if (["string", "number", "boolean"].includes(typeof value)) fields.set(name.toLowerCase(), String(value));
    }
  } catch {
    return new Map();
  }
  return fields;
}

const DOCUMENT = /^(?:<\?xml\b[^<>]*\?>\s*)?<(?<root>Error|\w+Response)(?:\s[^<>]*)?>(?<children>.*)<\/\k<root>>$/s;
const CHILD = /\s*(?:<(?<name>[\w.-]+)>(?<value>.*?)<\/\k<name>>|<[\w.-]+\s*\/>)\s*/gsy;

/**
 * Reads the leaves just below the root. Uses no XML library: five flat fields do not justify one,
 * and what it would add (custom entities, DTDs, namespaces) would have to be switched off again.
 */
function readXml(text: string): Fields {
  const fields = new Map<string, string>();
  const children = DOCUMENT.exec(text)?.groups?.["children"] ?? "";
  let read = 0;
  for (const child of children.matchAll(CHILD)) {
    const { name, value = "" } = child.groups ?? {};
    if (name !== undefined && !value.includes("<")) fields.set(name.toLowerCase(), decodeEntities(value.trim()));
    read += child[0].length;
  }
  return read === children.length ? fields : new Map();
}

const ENTITIES: Readonly<Record<string, string>> = { lt: "<", gt: ">", amp: "&", quot: '"', apos: "'" };

function decodeEntities(text: string): string {
  return text.replace(/&(?:#x([0-9a-f]{1,6})|#([0-9]{1,7})|([a-z]+));/gi, (whole, hex, decimal, name) => {
    if (name) return ENTITIES[name] ?? whole;
    const code = hex ? Number.parseInt(hex, 16) : Number(decimal);
    return code > 0 && code <= 0x10ffff ? String.fromCodePoint(code) : whole;
  });
}
