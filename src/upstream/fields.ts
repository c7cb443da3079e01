// Reads the flat fields of an answer's body, JSON or XML, keys in lower case. What is not a whole,
// well-formed answer of one of the two has no fields: half an answer must not pass for one.

/** Field values by name in lower case: one dialect of the upstream spells `requestId`, `success`. */
export type Fields = ReadonlyMap<string, string>;

/** The fields of a body, none if it is neither JSON object nor XML element. Content types are not believed. */
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
 * The leaves just below the root. No XML library: five flat fields do not justify one, and what it would
 * add (entities of one's own, DTDs, namespaces) is what one has to switch off again.
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
