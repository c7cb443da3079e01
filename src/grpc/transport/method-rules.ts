// The rules for the streams of each method: how long a message may be, how long a stream may last,
// and which special bounds it counts against. The rest of the gate treats all methods alike.
import { MOST_SUBMISSION_BYTES, SMALL_MESSAGE_BYTES } from "../port-bounds.js";

/** Kinds of streams that have bounds of their own. */
export type StreamKind = "rpc" | "watch" | "reflection" | "submission";

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
const SUBMISSION = "/ota.v1.OtaService/SubmitCancelTasksByDevice";
const OUR_METHODS = new RegExp(
  "^/(ota\\.v1\\.OtaService/((Stream|Submit)?CancelTasksByDevice|GetQuota|(Get|Stop)Rollout|ListOperationResults)" +
    "|google\\.longrunning\\.Operations/(Get|List|Wait|Cancel|Delete)Operations?)$",
);
const REFLECTION = /^\/grpc\.reflection\.[^/]*\.ServerReflection\//;

/** Longer than a connection is used: the client opens its next watch on another replica. */
const WATCH_AGE_MS = 40 * 60_000;

/** A list of millions over a bad line. The handler bounds the time between two messages. */
const SUBMISSION_AGE_MS = 10 * 60_000;

/** Requests and answers take milliseconds. */
const REFLECTION_AGE_MS = 30_000;

/** `mostMessageBytes`: the longest message of OtaService, except a part of a submission. */
export function rulesOf(path: string, mostMessageBytes: number): StreamRules {
  if (REFLECTION.test(path)) {
    return { kind: "reflection", mostBytes: SMALL_MESSAGE_BYTES, isStream: true, mostAgeMs: REFLECTION_AGE_MS };
  }
  if (path === SUBMISSION) {
    return { kind: "submission", mostBytes: MOST_SUBMISSION_BYTES, isStream: true, mostAgeMs: SUBMISSION_AGE_MS };
  }
  const isWatch = path === HEALTH_WATCH;
  return {
    kind: isWatch ? "watch" : "rpc",
    mostBytes: path.startsWith("/ota.v1.") ? mostMessageBytes : SMALL_MESSAGE_BYTES,
    isStream: path === STREAM_OF_CANCELS,
    mostAgeMs: isWatch ? WATCH_AGE_MS : Number.POSITIVE_INFINITY,
  };
}

/** `package.Service/Method` if the path is a method that callers of the gateway use. */
export function ourMethodOf(path: string): string | undefined {
  return OUR_METHODS.test(path) ? path.slice(1) : undefined;
}
