// Reads a file of the flight recorder. Every mistake names its line, up to a bound. Nothing is
// guessed and no line is skipped, because a call left out could be the one too many.
import { boundedLines } from "../../base/bounded-lines.js";
import {
  CALL_KINDS,
  type CallKind,
  type Header,
  isOurs,
  LEDGERS,
  type RecordedCall,
} from "../../observe/recorder/flight-record.js";

/** One header, and the calls that follow it. */
export interface FlightRecord {
  readonly file: string;
  readonly header: Header;
  readonly calls: readonly RecordedCall[];
}

/** Carries the mistakes in a file, as far as it was read. */
export class UnreadableRecord extends Error {
  override readonly name = "UnreadableRecord";

  constructor(file: string, mistakes: readonly string[]) {
    super(mistakes.map((mistake) => `${file}: ${mistake}`).join("\n"));
  }
}

/** After this many, reading ends, because the file is something else. */
const MOST_MISTAKES = 10;

/** The recorder's lines have about 150. */
const LONGEST_LINE = 4096;

/** Some 30 years in milliseconds; as microseconds still exact. */
const LONGEST_MS = 1e12;

/** In the year 2255; as microseconds still exact. */
const LATEST_WALL_MS = 9e12;

type Fields = Readonly<Record<string, unknown>>;

/**
 * Reads a file, which may hold several records in a row. `file` is its name in messages. Throws
 * UnreadableRecord.
 */
export async function readFlightRecords(file: string, pieces: AsyncIterable<string>): Promise<FlightRecord[]> {
  const records: { readonly file: string; readonly header: Header; readonly calls: RecordedCall[] }[] = [];
  const mistakes: string[] = [];
  for await (const { number, text } of boundedLines(pieces, LONGEST_LINE)) {
    try {
      if (text === undefined) throw new Error(`is longer than ${LONGEST_LINE} characters`);
      const fields = fieldsOf(text);
      const last = records.at(-1);
      if (last && !isOurs(fields)) last.calls.push(callOf(fields, last.header));
      else records.push({ file, header: readHeader(fields), calls: [] });
    } catch (error) {
      mistakes.push(`line ${number} ${(error as Error).message}`);
      if (records.length === 0) break; // without a header, the others cannot be understood
      if (mistakes.length === MOST_MISTAKES) {
        mistakes.push("there may be more: the rest was not read");
        break;
      }
    }
  }
  if (mistakes.length === 0) {
    if (records.length === 0) mistakes.push("is empty");
    for (const { header, calls } of records) {
      if (calls.length >= header.calls) continue;
      mistakes.push(`is incomplete: it has ${calls.length} of the ${header.calls} calls that its header announces`);
    }
  }
  if (mistakes.length > 0) throw new UnreadableRecord(file, mistakes);
  return records;
}

function fieldsOf(text: string): Fields {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw new Error("is not JSON");
  }
  if (typeof json !== "object" || json === null || Array.isArray(json)) throw new Error("is not a JSON object");
  return json as Fields;
}

function readHeader(fields: Fields): Header {
  if (!isOurs(fields)) throw new Error("is not the header of a flight record that this version reads");
  for (const name of ["account", "replica", "recording"]) {
    if (typeof fields[name] !== "string") throw new Error(`needs ${name}, a string`);
  }
  for (const name of ["recordingSince", "completeSince", "writtenAt"]) {
    const wallMs = Date.parse(String(fields[name]));
    if (!(wallMs >= 0 && wallMs <= LATEST_WALL_MS)) throw new Error(`needs ${name}, a date`);
  }
  const { ledger, replicas } = fields;
  if (ledger !== undefined && !LEDGERS.some((each) => each === ledger)) {
    throw new Error(`needs ledger, ${LEDGERS.join(" or ")}`);
  }
  if (replicas !== undefined) number(fields, "replicas", 0);
  number(fields, "callsPerSecond", 1);
  number(fields, "calls", 0);
  for (const name of ["callTimeoutMs", "marginMs", "completeSinceMs", "writtenAtMs"]) number(fields, name, 0);
  return fields as unknown as Header; // every field has been checked
}

function callOf(fields: Fields, { writtenAtMs }: Header): RecordedCall {
  const kind = CALL_KINDS.find((each) => each === fields["kind"]);
  if (!kind) throw new Error(`needs kind, one of ${CALL_KINDS.join(", ")}`);
  const { requestId } = fields;
  if (typeof requestId !== "string") throw new Error("needs requestId, a string");
  const sent = number(fields, "sent", 0, writtenAtMs);
  const devices = number(fields, "devices", 0);
  const endedUs = endOf(fields, kind, sent, writtenAtMs);
  return { sentUs: usOf(sent), endedUs, ...arrivalOf(fields, sent, endedUs), kind, devices, requestId };
}

function arrivalOf(fields: Fields, sent: number, endedUs = 0): Pick<RecordedCall, "arrivedByUs"> {
  return fields["arrivedBy"] === undefined
    ? {}
    : { arrivedByUs: usOf(number(fields, "arrivedBy", sent, endedUs / 1000)) };
}

function endOf(fields: Fields, kind: CallKind, sent: number, writtenAtMs: number): number | undefined {
  if (kind !== "in-flight") return usOf(number(fields, "ended", sent, writtenAtMs));
  if (fields["ended"] !== undefined) throw new Error("is in flight but has ended");
  return undefined;
}

function number(fields: Fields, name: string, least: number, most = LONGEST_MS): number {
  const value = fields[name];
  if (typeof value === "number" && value >= least && value <= most) return value;
  throw new Error(`needs ${name}, a number from ${least} to ${most}`);
}

function usOf(ms: number): number {
  return Math.round(ms * 1000);
}
