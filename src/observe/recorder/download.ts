// Builds the download of the flight recorder on the admin port: one record for each account, in a
// row.
import type { Clock } from "../../base/clock.js";
import type { FlightRecorder } from "./recorder.js";

export interface FlightDownload {
  readonly fileName: string;
  readonly contentType: string;
  readonly chunks: Iterable<string>;
}

/**
 * The state as of now. The file name contains `replica`, so that files of several replicas can be
 * in one folder.
 */
export function flightDownload(recorders: readonly FlightRecorder[], replica: string, clock: Clock): FlightDownload {
  const date = new Date(clock.wallNow()).toISOString().slice(0, 19).replaceAll(":", "");
  const files = recorders.map((recorder) => recorder.file());
  return { fileName: `flight-record-${replica}-${date}Z.jsonl`, contentType: "application/jsonl", chunks: all(files) };
}

function* all(files: readonly Iterable<string>[]): Generator<string> {
  for (const file of files) yield* file;
}
