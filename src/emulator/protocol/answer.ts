// An answer before it is encoded, and its two encodings. A list is an array under the name of its
// elements (`Data: { SimpleOTATaskInfo: [...] }`): JSON writes it as it is, XML repeats the
// element.

export interface EmulatedAnswer {
  readonly status: number;
  /** The XML root element: `Error`, or the action's name plus `Response`. */
  readonly root: string;
  readonly fields: AnswerFields;
  /** Headers besides those that every answer has. */
  readonly headers?: Headers;
}

export type Headers = Readonly<Record<string, string>>;

export interface AnswerFields {
  /** An undefined field is left out. */
  readonly [name: string]: Value | undefined;
}
type Value = string | number | boolean | AnswerFields | readonly Value[];

export type Format = "JSON" | "XML";

export interface Encoded {
  readonly contentType: string;
  readonly body: string;
}

export function encode(answer: EmulatedAnswer, format: Format): Encoded {
  return ENCODERS[format](answer);
}

const ENCODERS: Readonly<Record<Format, (answer: EmulatedAnswer) => Encoded>> = {
  JSON: ({ fields }) => ({ contentType: "application/json;charset=utf-8", body: JSON.stringify(fields) }),
  // The official SDK reads XML only under exactly this content type.
  XML: ({ root, fields }) => ({
    contentType: "text/xml;charset=utf-8",
    body: `<?xml version='1.0' encoding='UTF-8'?>${element(root, fields)}`,
  }),
};

function element(name: string, value: Value): string {
  if (isList(value)) return value.map((each) => element(name, each)).join("");
  if (typeof value !== "object") return `<${name}>${escapeXml(String(value))}</${name}>`;
  const children = Object.entries(value).map(([childName, child]) =>
    child === undefined ? "" : element(childName, child),
  );
  return `<${name}>${children.join("")}</${name}>`;
}

// Array.isArray alone does not narrow a readonly array away.
function isList(value: Value): value is readonly Value[] {
  return Array.isArray(value);
}

function escapeXml(text: string): string {
  return text.replace(/[&<>]/g, (c) => (c === "&" ? "&amp;" : c === "<" ? "&lt;" : "&gt;"));
}
