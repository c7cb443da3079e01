// One device's result as a line of a results file, in CSV or JSON, and back. Each line tells of its scope too: a
// file can be continued only for what it was begun for.
import { visible, visibleJson } from "../../base/visible-text.js";
import type { CancelScope, DeviceResult, Failure } from "../../client/client.js";

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

/** What names of devices are made of: one of these may begin with - or @. */
const PLAIN = /^[\w@.:-]+$/;

/** Empty where there is nothing to tell. */
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

/** Their code is that of another request, or may be about another device. */
const NOT_BY_CODE: ReadonlySet<string> = new Set(["NOT_VERIFIED", "BATCH_REJECTED"]);

/** The upstream's code where it has one for this device, else the gateway's reason. */
export function reasonOf(failure: Failure | undefined): string {
  if (!failure) return "";
  return NOT_BY_CODE.has(failure.reason) ? failure.reason : failure.upstreamCode || failure.reason;
}

/** Whether a good outcome could not be read back. */
export function isUnverified(failure: Failure | undefined): failure is Failure & { readonly reason: "NOT_VERIFIED" } {
  return failure?.reason === "NOT_VERIFIED";
}

/** With its line's end. */
export function resultLine(row: ResultRow, format: ResultFormat): string {
  if (format === "csv") return `${COLUMNS.map((column) => quoted(row[column])).join(",")}\n`;
  return `${visibleJson(JSON.stringify(Object.fromEntries(COLUMNS.flatMap((key) => (row[key] ? [[key, row[key]]] : [])))))}\n`;
}

/** Undefined for what is no row of ours. */
export function rowFrom(values: Readonly<Record<string, unknown>>): ResultRow | undefined {
  const row = Object.fromEntries(COLUMNS.map((column) => [column, String(values[column] ?? "")])) as ResultRow;
  return row.device_name && row.outcome ? row : undefined;
}

/** The first difference between what a row is for and what is asked for now. */
export function otherScope(row: ResultRow, scope: CancelScope): string | undefined {
  const now = resultRow({ deviceName: "", outcome: "ACCEPTED", ok: true }, scope, new Date(0));
  const scopeColumns = COLUMNS.slice(COLUMNS.indexOf("product_key"));
  const other = scopeColumns.find((column) => row[column] !== now[column]);
  return other && `${other} ${row[other] || "(none)"}, and this run is for ${now[other] || "(none)"}`;
}

/**
 * A line's end within a field would make two lines of one row. Names are given as they stand in somebody's file: what a
 * terminal would obey is spelled out, and what a spreadsheet would take for a formula begins with an apostrophe, as
 * spreadsheets mark text. Neither is ever part of a valid name.
 */
function quoted(field: string): string {
  const shown = visible(field.replace(/\s*[\r\n]+\s*/g, " "));
  const line = /^\s*[=+@-]/.test(shown) && !PLAIN.test(shown) ? `'${shown}` : shown;
  return /[",]/.test(line) ? `"${line.replaceAll('"', '""')}"` : line;
}
