// Asks one question after the other, each a pause after the previous answer, so that the probe
// alone never comes near the quota. Repeats what fails temporarily; ends the probe when no further
// call would help.
import { type Clock, sleepUntil } from "../../base/clock.js";
import { NoCredentials } from "../../upstream/credentials-source.js";
import type { Operation } from "../../upstream/device-operations.js";
import type { ProbeReply, Sending, ThrottleHint, Wire } from "./wire.js";

/** The probe cannot go on. The message says why, and what to do. */
export class Stopped extends Error {
  override readonly name = "Stopped";
}

/** The result of a question, after repeats. */
export type Sighting =
  | { readonly kind: "accepted"; readonly status: number }
  | { readonly kind: "refused"; readonly status: number; readonly code: string }
  | { readonly kind: "unanswered"; readonly why: string };

/** A refusal for rate. */
export interface Throttle {
  readonly code: string;
  readonly status: number;
  readonly hint: ThrottleHint;
}

export interface ProbeAnswer {
  readonly sighting: Sighting;
  /** Body of a successful answer; otherwise empty. */
  readonly body: string;
  /** By which the vendor's support finds the call; empty if it was not answered. */
  readonly requestId: string;
}

export interface AskerOptions {
  readonly wire: Wire;
  readonly clock: Clock;
  /** Pause from an answer to the next call. */
  readonly pauseMs: number;
  /** Ends all waiting. A call under way goes on to its answer. */
  readonly signal: AbortSignal;
}

export interface Asker {
  /**
   * Asks. Throws Stopped, or the signal's reason. `needed`: without permission for this call the
   * probe is pointless.
   */
  ask(operation: Operation, options?: { readonly needed?: boolean }): Promise<ProbeAnswer>;
  /** Sends at once, whatever else is under way; for a burst. */
  sendNow(operation: Operation): Promise<Sending>;
  /** Resolves this long after the last answer. */
  quiet(ms: number): Promise<void>;
  readonly callsSent: number;
  readonly throttles: readonly Throttle[];
}

const MOST_ATTEMPTS = 5;
/** Wait before a repeat, unless the upstream says otherwise. */
const BACKOFF_MS = 2000;
/** Limits the upstream's own hint: the probe is patient, but not endlessly so. */
const LONGEST_BACKOFF_MS = 10_000;

export function createAsker({ wire, clock, pauseMs, signal }: AskerOptions): Asker {
  const throttles: Throttle[] = [];
  let callsSent = 0;
  let answeredMs = Number.NEGATIVE_INFINITY;

  const quiet = async (ms: number) => {
    signal.throwIfAborted();
    if (clock.now() < answeredMs + ms) await sleepUntil(clock, answeredMs + ms, signal);
  };

  const sendNow = async (operation: Operation): Promise<Sending> => {
    callsSent++;
    const sending = await wire.send(operation).catch((error: unknown) => {
      if (error instanceof NoCredentials) throw new Stopped(error.message);
      throw new Stopped("The credentials did not arrive in time.");
    });
    answeredMs = clock.now();
    if (sending.kind === "refused" && sending.reaction === "throttled") {
      throttles.push({ code: sending.code, status: sending.status, hint: sending.hint });
    }
    return sending;
  };

  return {
    async ask(operation, { needed = false } = {}) {
      let why = "";
      for (let attempt = 1; attempt <= MOST_ATTEMPTS; attempt++) {
        await quiet(pauseMs);
        const sending = await sendNow(operation);
        if (sending.kind === "unwritten") throw new Stopped(unreachable(sending.fault));
        if (sending.kind === "accepted") return answerOf(sending);
        if (sending.kind === "refused") {
          const { reaction, code } = sending;
          if (reaction === "rejected") return answerOf(sending);
          if (reaction === "forbidden" && !needed) return answerOf(sending);
          if (reaction === "at-fault" && !needed && isOfCall(code)) return answerOf(sending);
          if (reaction === "forbidden" || reaction === "at-fault") throw new Stopped(atFault(code, operation.action));
        }
        why = sending.kind === "refused" ? `${sending.code} repeatedly` : `no answer (${sending.fault})`;
        const askedMs = sending.kind === "refused" ? sending.retryAfterMs : 0;
        await quiet(Math.min(Math.max(askedMs || BACKOFF_MS, pauseMs), LONGEST_BACKOFF_MS));
      }
      return { sighting: { kind: "unanswered", why }, body: "", requestId: "" };
    },
    sendNow,
    quiet,
    get callsSent() {
      return callsSent;
    },
    throttles,
  };
}

function answerOf(reply: ProbeReply): ProbeAnswer {
  const { status, requestId } = reply;
  return reply.kind === "accepted"
    ? { sighting: { kind: "accepted", status }, body: reply.body, requestId }
    : { sighting: { kind: "refused", status, code: reply.code }, body: "", requestId };
}

/** Describes an answer in a few words. */
export function words(sighting: Sighting): string {
  switch (sighting.kind) {
    case "accepted":
      return `Success (HTTP ${sighting.status})`;
    case "refused":
      return `${sighting.code || "refused without a code"} (HTTP ${sighting.status})`;
    case "unanswered":
      return sighting.why;
  }
}

/**
 * Codes that blame the call, which would be the gateway's fault but are what the probe provokes.
 */
function isOfCall(code: string): boolean {
  return /^iot\.device\.TooManyDeviceNamesPerRequest$/i.test(code);
}

function unreachable(fault: string): string {
  return `The endpoint cannot be reached (${fault}); check --upstream-url, and that this machine may connect to it.`;
}

/** By code; the first match wins. */
const ADVICE: readonly (readonly [code: RegExp, advice: string])[] = [
  [/SecurityToken/i, "the temporary keys are invalid or expired; get new ones"],
  [/AccessKey/i, "the access key is unknown or disabled; check ALIBABA_CLOUD_ACCESS_KEY_ID"],
  [/Signature/i, "the secret does not belong to the access key; check ALIBABA_CLOUD_ACCESS_KEY_SECRET"],
  [/TimeStamp/i, "this machine's clock is wrong; set it"],
  [
    /Api|Action|Version|Product\.|Protocol|HTTPMethod/i,
    "the endpoint is not one of IoT Platform; check --upstream-url",
  ],
  [/Uid/i, "the account has no IoT Platform in this region; check --upstream-url"],
];

function atFault(code: string, action: string): string {
  const known = ADVICE.find(([pattern]) => pattern.test(code));
  const advice = known?.[1] ?? `the keys may not call ${action}; grant iot:${action}`;
  return `${action} was refused with ${code}: ${advice}.`;
}
