// Statements with their values in them, quoted by the driver. A message of the simple protocol may
// have several of these, and the server runs none after one that fails.
import pg from "pg";

/** A value in a statement. Bytes are a `bytea`, numbers are whole. */
export type SqlValue = string | number | Uint8Array | readonly number[];

/** The text of a statement. */
export function sql(parts: TemplateStringsArray, ...values: readonly SqlValue[]): string {
  return parts.reduce((text, part, nth) => text + quoted(values[nth - 1] as SqlValue) + part);
}

function quoted(value: SqlValue): string {
  if (typeof value === "string") return pg.escapeLiteral(value);
  if (value instanceof Uint8Array)
    return `'\\x${Buffer.from(value.buffer, value.byteOffset, value.length).toString("hex")}'::bytea`;
  if (typeof value === "number") return wholeNumber(value);
  return `'{${value.map(wholeNumber).join()}}'::integer[]`;
}

function wholeNumber(value: number): string {
  if (!Number.isSafeInteger(value)) throw new Error(`${value} is not a whole number`);
  return `${value}`;
}
