// Reads objects in the JSON of an answer's body, also inside lists, with names in lower case. For
// nested answers; fields.ts reads the flat fields of any answer. A value that is not an object has
// no fields.

export type JsonFields = Readonly<Record<string, unknown>>;

/** Fields of the whole body; undefined if it is not a JSON object. */
export function readJsonFields(body: string): JsonFields | undefined {
  try {
    return jsonFieldsOf(JSON.parse(body.replace(/^\uFEFF/, "")));
  } catch {
    return undefined;
  }
}

/** Fields of a value inside the body; undefined if it is not an object. */
export function jsonFieldsOf(value: unknown): JsonFields | undefined {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return undefined;
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name.toLowerCase(), each]));
}

/** A number, perhaps as a text; undefined if it is none, such as an empty text or `false`. */
export function wholeNumberOf(value: unknown): number | undefined {
  const text = typeof value === "number" || typeof value === "string" ? String(value) : "";
  return /^\d+$/.test(text) ? Number(text) : undefined;
}
