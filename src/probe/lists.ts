// The lists that are read before anything is sent that could cancel. Suspicious: what is not wholly understood is no
// list, for the probe goes on only if what it reads shows that nothing can be harmed.

/** Fields by names in lower case: one dialect of the upstream spells `requestId`, `data`. */
export type Row = Readonly<Record<string, unknown>>;

export interface Rows {
  readonly rows: readonly Row[];
  /** How many there are in all; undefined if the answer does not say. */
  readonly total: number | undefined;
}

/** The rows under `Data.<name>`; undefined if the body has no such list. An empty one may be left out of its frame. */
export function readRows(body: string, name: string): Rows | undefined {
  const answer = lowerCased(parsed(body));
  const frame = lowerCased(answer?.["data"]);
  const rows = frame && (frame[name.toLowerCase()] ?? []);
  if (!Array.isArray(rows)) return undefined;
  const read = rows.map(lowerCased);
  if (!read.every((row) => row !== undefined)) return undefined;
  const total = answer?.["total"];
  return { rows: read, total: typeof total === "number" ? total : undefined };
}

/** A field's text, empty if there is none. */
export function textOf(row: Row, name: string): string {
  const value = row[name.toLowerCase()];
  return typeof value === "string" ? value : "";
}

function parsed(body: string): unknown {
  try {
    return JSON.parse(body.replace(/^\uFEFF/, ""));
  } catch {
    return undefined;
  }
}

function lowerCased(value: unknown): Row | undefined {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return undefined;
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name.toLowerCase(), each]));
}
