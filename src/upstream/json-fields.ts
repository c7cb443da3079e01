// Reads objects in the JSON of an answer's body, those of lists too, by names in lower case as in fields.ts, which has
// the flat fields of any answer. What is no object has no fields.

export type JsonFields = Readonly<Record<string, unknown>>;

/** Those of the whole body; undefined if it is not JSON, or no object. */
export function readJsonFields(body: string): JsonFields | undefined {
  try {
    return jsonFieldsOf(JSON.parse(body.replace(/^\uFEFF/, "")));
  } catch {
    return undefined;
  }
}

/** Those of a value in it; undefined if that is no object. */
export function jsonFieldsOf(value: unknown): JsonFields | undefined {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return undefined;
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name.toLowerCase(), each]));
}
