// Writes one device's result as a line of a results file, CSV or JSON, and reads it back. Each line
// also holds its scope, because a file can be continued only for the scope that it was begun for.
import { visible } from "../../base/visible-text.js";
import type { CancelScope, DeviceResult, Failure } from "../../client/client.js";
import { jsonLine } from "../terminal/json.js";

export type ResultFormat = "csv" | "jsonl";

const COLUMNS = [
  "device_name",
  "outcome",
  "reason",
  "message",
  "request_id",
  "time",
  "product_key",
  "firmware_id",
  "job_id",
  "iot_instance_id",
  "account",
] as const;

/** The characters of device names. A device name may begin with - or @. */
const PLAIN = /^[\w@.:-]+$/;

/** Empty where there is no value. */
export type ResultRow = Readonly<Record<(typeof COLUMNS)[number], string>>;

export const CSV_HEADER = `${COLUMNS.join(",")}\n`;

export function resultFormatOf(file: string): ResultFormat | undefined {
  if (/\.csv$/i.test(file)) return "csv";
  return /\.(jsonl|ndjson)$/i.test(file) ? "jsonl" : undefined;
}

export function resultRow(result: DeviceResult, scope: CancelScope, time: Date): ResultRow {
  const { failure, call } = result;
  return {
    device_name: result.deviceName,
    outcome: result.outcome,
    reason: reasonOf(failure),
    message: failure?.message ?? "",
    request_id: failure?.upstreamRequestId ?? call?.requestId ?? "",
    time: time.toISOString(),
    product_key: scope.productKey,
    firmware_id: scope.firmwareId,
    job_id: scope.jobId ?? "",
    iot_instance_id: scope.iotInstanceId ?? "",
    account: scope.account ?? "",
  };
}

/**
 * For these reasons, the upstream's code belongs to another request, or may be about another
 * device.
 */
const NOT_BY_CODE: ReadonlySet<string> = new Set(["NOT_VERIFIED", "BATCH_REJECTED"]);

/** The upstream's code if it has one for this device, else the gateway's reason. */
export function reasonOf(failure: Failure | undefined): string {
  if (!failure) return "";
  return NOT_BY_CODE.has(failure.reason) ? failure.reason : failure.upstreamCode || failure.reason;
}

/** Whether a good outcome could not be read back. */
export function isUnverified(failure: Failure | undefined): failure is Failure & { readonly reason: "NOT_VERIFIED" } {
  return failure?.reason === "NOT_VERIFIED";
}

/** Includes the line end. */
export function resultLine(row: ResultRow, format: ResultFormat): string {
  if (format === "csv") return `${COLUMNS.map((column) => quoted(row[column])).join(",")}\n`;
  return jsonLine(Object.fromEntries(COLUMNS.flatMap((key) => (row[key] ? [[key, row[key]]] : []))));
}

/** Undefined for values that are no row of a results file. */
export function rowFrom(values: Readonly<Record<string, unknown>>, format: ResultFormat): ResultRow | undefined {
  const textOf = (column: string) => {
    const text = String(values[column] ?? "");
    return format === "csv" ? withoutApostrophe(text) : text;
  };
  const row = Object.fromEntries(COLUMNS.map((column) => [column, textOf(column)])) as ResultRow;
  return row.device_name && row.outcome ? row : undefined;
}

/**
 * Whether rows can follow this header. Those of an older version may end earlier, and a user may
 * have added columns behind ours.
 */
export function isResultsHeader(fields: readonly string[]): boolean {
  return fields.every((field, n) => n >= COLUMNS.length || field === COLUMNS[n]);
}

/** Describes the first difference between the scope of a row and the scope of this run. */
export function otherScope(row: ResultRow, scope: CancelScope): string | undefined {
  const now = resultRow({ deviceName: "", outcome: "ACCEPTED", ok: true }, scope, new Date(0));
  const scopeColumns = COLUMNS.slice(COLUMNS.indexOf("product_key"));
  const other = scopeColumns.find((column) => row[column] !== now[column]);
  return other && `${other} ${row[other] || "(none)"}, but this run is for ${now[other] || "(none)"}`;
}

/**
 * Makes a field safe to show. Replaces line ends, because one inside a field would split a row into
 * two lines. Names come from a user's file as they are, so control characters are spelled out, and
 * an apostrophe, which marks text in spreadsheets, goes before anything that a spreadsheet would
 * take for a formula, or for a formula behind an apostrophe. Valid names need neither.
 */
function quoted(field: string): string {
  const shown = visible(field.replace(/\s*[\r\n]+\s*/g, " "));
  const line = /^'*\s*[=+@-]/.test(shown) && !PLAIN.test(shown) ? `'${shown}` : shown;
  return /[",]/.test(line) ? `"${line.replaceAll('"', '""')}"` : line;
}

/** The field as it was: a file is continued only for ids that are equal to those in it. */
function withoutApostrophe(field: string): string {
  return field.replace(/^'(?='*\s*[=+@-])/, "");
}
