// The rules for the streams of each method: how long a message may be, how long a stream may last,
// and which special bounds it counts against. The rest of the gate treats all methods alike.
import { SMALL_MESSAGE_BYTES } from "../port-bounds.js";

/** Kinds of streams that have bounds of their own. */
export type StreamKind = "rpc" | "watch" | "reflection";

export interface StreamRules {
  readonly kind: StreamKind;
  /** The longest message. */
  readonly mostBytes: number;
  /** Whether there may be many messages. Otherwise there is one, and the end after it. */
  readonly isStream: boolean;
  readonly mostAgeMs: number;
}

const HEALTH_WATCH = "/grpc.health.v1.Health/Watch";
const STREAM_OF_CANCELS = "/ota.v1.OtaService/StreamCancelTasksByDevice";
const OTA_METHODS = /^\/ota\.v1\.OtaService\/((Stream)?CancelTasksByDevice|GetQuota|GetRollout)$/;
const REFLECTION = /^\/grpc\.reflection\.[^/]*\.ServerReflection\//;

/** Longer than a connection is used: the client opens its next watch on another replica. */
const WATCH_AGE_MS = 40 * 60_000;

/** Requests and answers take milliseconds. */
const REFLECTION_AGE_MS = 30_000;

/** `mostMessageBytes`: the longest message of OtaService. */
export function rulesOf(path: string, mostMessageBytes: number): StreamRules {
  if (REFLECTION.test(path)) {
    return { kind: "reflection", mostBytes: SMALL_MESSAGE_BYTES, isStream: true, mostAgeMs: REFLECTION_AGE_MS };
  }
  const isWatch = path === HEALTH_WATCH;
  return {
    kind: isWatch ? "watch" : "rpc",
    mostBytes: path.startsWith("/ota.v1.") ? mostMessageBytes : SMALL_MESSAGE_BYTES,
    isStream: path === STREAM_OF_CANCELS,
    mostAgeMs: isWatch ? WATCH_AGE_MS : Number.POSITIVE_INFINITY,
  };
}

/** `ota.v1.OtaService/Method` if the path is one of its methods. */
export function otaMethodOf(path: string): string | undefined {
  return OTA_METHODS.test(path) ? path.slice(1) : undefined;
}
