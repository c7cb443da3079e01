// The rules for the streams of each method: how long a message may be, how long a stream may last,
// and which special bounds it counts against. The rest of the gate treats all methods alike.
import { MOST_SUBMISSION_BYTES, SMALL_MESSAGE_BYTES } from "../resource-bounds.js";

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

/** Made once: one object for each stream would be thousands a second. */
const OTHER: StreamRules = {
  kind: "rpc",
  mostBytes: SMALL_MESSAGE_BYTES,
  isStream: false,
  mostAgeMs: Number.POSITIVE_INFINITY,
};
const WATCH: StreamRules = { ...OTHER, kind: "watch", mostAgeMs: WATCH_AGE_MS };
const REFLECTING: StreamRules = { ...OTHER, kind: "reflection", isStream: true, mostAgeMs: REFLECTION_AGE_MS };
const SUBMITTING: StreamRules = {
  kind: "submission",
  mostBytes: MOST_SUBMISSION_BYTES,
  isStream: true,
  mostAgeMs: SUBMISSION_AGE_MS,
};

export class MethodRules {
  readonly #ours: StreamRules;
  readonly #streamOfCancels: StreamRules;

  /** `mostMessageBytes`: the longest message of OtaService, except a part of a submission. */
  constructor(mostMessageBytes: number) {
    this.#ours = { ...OTHER, mostBytes: mostMessageBytes };
    this.#streamOfCancels = { ...this.#ours, isStream: true };
  }

  of(path: string): StreamRules {
    if (path === STREAM_OF_CANCELS) return this.#streamOfCancels;
    if (path === SUBMISSION) return SUBMITTING;
    if (path.startsWith("/ota.v1.")) return this.#ours;
    if (path === HEALTH_WATCH) return WATCH;
    return REFLECTION.test(path) ? REFLECTING : OTHER;
  }
}

/** `package.Service/Method` if the path is a method that callers of the gateway use. */
export function ourMethodOf(path: string): string | undefined {
  return OUR_METHODS.test(path) ? path.slice(1) : undefined;
}
