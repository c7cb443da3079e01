// The flight recorder's file as the admin port hands it out: one record for each account, one after the other.
import type { Clock } from "../../base/clock.js";
import type { FlightRecorder } from "./recorder.js";

export interface FlightDownload {
  readonly fileName: string;
  readonly contentType: string;
  readonly chunks: Iterable<string>;
}

/** As of now. `replica` is part of the name, so that the files of several replicas can lie in one folder. */
export function flightDownload(recorders: readonly FlightRecorder[], replica: string, clock: Clock): FlightDownload {
  const date = new Date(clock.wallNow()).toISOString().slice(0, 19).replaceAll(":", "");
  const files = recorders.map((recorder) => recorder.file());
  return { fileName: `flight-record-${replica}-${date}Z.jsonl`, contentType: "application/jsonl", chunks: all(files) };
}

function* all(files: readonly Iterable<string>[]): Generator<string> {
  for (const file of files) yield* file;
}
