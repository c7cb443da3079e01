// Flight records for tests: written and read as the program does, or made up line by line.
import { type FlightRecord, readFlightRecords } from "../../../../src/cli/prove/read-flight-record.js";
import type { Header } from "../../../../src/observe/recorder/flight-record.js";
import { FlightRecorder, type RecorderOptions } from "../../../../src/observe/recorder/recorder.js";
import { HandClock } from "../../../support/hand-clock.js";

/** A call as it stands in a file. */
export interface CallLine {
  readonly sent: number;
  readonly ended?: number;
  readonly kind: string;
  readonly devices: number;
  readonly requestId: string;
}

export const HEADER: Header = {
  format: "ota-gateway flight record",
  version: 1,
  account: "default",
  replica: "gw-1",
  recording: "recording-1",
  callsPerSecond: 2,
  callTimeoutMs: 10_000,
  marginMs: 1000,
  recordingSince: "2026-01-01T00:00:00.000Z",
  completeSince: "2026-01-01T00:00:00.000Z",
  completeSinceMs: 0,
  writtenAt: "2026-01-01T00:01:00.000Z",
  writtenAtMs: 60_000,
  calls: 0,
};

export function answered(sent: number, ended: number, requestId = `R-${sent}`): CallLine {
  return { sent, ended, kind: "accepted", devices: 1, requestId };
}

/** The file of these calls. */
export function fileOf(calls: readonly object[], header: Partial<Header> = {}): string {
  const lines = [{ ...HEADER, calls: calls.length, ...header }, ...calls];
  return lines.map((line) => `${JSON.stringify(line)}\n`).join("");
}

export async function* piecesOf(text: string, size = 1000): AsyncGenerator<string> {
  for (let at = 0; at < text.length; at += size) yield text.slice(at, at + size);
}

export function readText(text: string, file = "a.jsonl"): Promise<FlightRecord[]> {
  return readFlightRecords(file, piecesOf(text));
}

export function aRecorder(options: Partial<RecorderOptions> = {}): { recorder: FlightRecorder; clock: HandClock } {
  const clock = new HandClock();
  const fixed = { account: "default", replica: "gw-1", callsPerSecond: 10, callTimeoutMs: 10_000, marginMs: 1000 };
  return { clock, recorder: new FlightRecorder({ clock, ledger: "in-process", ...fixed, ...options }) };
}

/** The header and the calls of the file as of now, as they are written. */
export function written(recorder: FlightRecorder): { text: string; header: Header; calls: CallLine[] } {
  const text = [...recorder.file()].join("");
  const [header, ...calls] = text
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as unknown);
  return { text, header: header as Header, calls: calls as CallLine[] };
}
