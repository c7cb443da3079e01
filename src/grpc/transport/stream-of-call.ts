// Leads from a call of grpc-js to its guarded stream. grpc-js shows an interceptor and a handler
// different objects for one call; what both reach, and no other call has, is its recorder of
// metrics. Nothing of it comes from the client.
import type { GuardedStream } from "./guarded-stream.js";

/** A call, as interceptors and as handlers know it. */
export interface LinkedCall {
  getMetricsRecorder(): object;
}

const STREAM = Symbol("stream");

interface Recorder {
  [STREAM]?: GuardedStream;
}

/** Throws if another stream has the call: a caller would get the identity of another. */
export function linkStream(call: LinkedCall, stream: GuardedStream): void {
  const recorder: Recorder = call.getMetricsRecorder();
  if (recorder[STREAM]) throw new Error("grpc-js gave two calls the same metrics recorder; see docs/maintaining.md");
  recorder[STREAM] = stream;
}

/** Undefined where there is no gate. */
export function streamOf(call: LinkedCall): GuardedStream | undefined {
  const recorder: Recorder = call.getMetricsRecorder();
  return recorder[STREAM];
}
