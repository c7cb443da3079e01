// Sends one signed call, and returns the answer as raw as a report needs it: code, HTTP status, the
// throttle's header, and when it was sent and answered. Tries to correct keys and clock, and
// reports that it did.
import { randomUUID } from "node:crypto";
import type { Clock } from "../../base/clock.js";
import { withDeadline } from "../../base/deadline.js";
import { createConnectionPool } from "../../network/connection-pool.js";
import { type HttpAnswer, readAnswer } from "../../upstream/answer.js";
import type { CredentialsSource } from "../../upstream/credentials-source.js";
import type { Operation } from "../../upstream/device-operations.js";
import { exchange } from "../../upstream/exchange.js";
import { makeRequest } from "../../upstream/request.js";
import { roundTrip } from "../../upstream/round-trip-probe.js";
import { createSigningContext } from "../../upstream/signing-context.js";
import { hideNames } from "./names.js";

/** Monotonic times between which the upstream counted the call. */
export interface Times {
  readonly sentMs: number;
  readonly answeredMs: number;
}

/** An answer with a RequestId. */
export type ProbeReply = Times & { readonly status: number; readonly requestId: string } & (
    | { readonly kind: "accepted"; readonly body: string }
    | {
        readonly kind: "refused";
        readonly code: string;
        readonly reaction: "throttled" | "unavailable" | "rejected" | "forbidden" | "mended" | "at-fault";
        /** The header that asks to wait: x-acs-retry-after, x-ratelimit-user-api, or none. */
        readonly hint: ThrottleHint;
        readonly retryAfterMs: number;
      }
  );

/** How a call ended. A fault is an error's code, or words without addresses. */
export type Sending = ProbeReply | { readonly kind: "lost" | "unwritten"; readonly fault: string };

export type ThrottleHint = "x-acs-retry-after" | "x-ratelimit-user-api" | "none";

export interface Wire {
  /**
   * Sends once; resolves within the timeout. Rejects with NoCredentials, or with DeadlineExceeded
   * if the credentials do not arrive in time.
   */
  send(operation: Operation): Promise<Sending>;
  /** See UpstreamClient. */
  roundTrip(): Promise<number | undefined>;
  close(): Promise<void>;
}

export interface WireOptions {
  readonly url: URL;
  readonly timeoutMs: number;
  readonly credentials: CredentialsSource;
  readonly clock: Clock;
  readonly proxy?: URL | undefined;
  /** The user's names. They must not appear in codes, because reports are shared. */
  readonly names: readonly string[];
}

export function createWire({ url, timeoutMs, credentials: source, clock, proxy, names }: WireOptions): Wire {
  const signing = createSigningContext(source, clock);
  const dispatcher = createConnectionPool(url, timeoutMs, proxy);
  return {
    async send(operation) {
      const untilMs = clock.now() + timeoutMs;
      const signedWith = await withDeadline(clock, untilMs, signing.signedWith());
      const { credentials, offsetMs } = signedWith;
      const making = { url, credentials, wallMs: clock.wallNow() + offsetMs, nonce: randomUUID() };
      const request = makeRequest(operation, making);
      const sentMs = clock.now();
      const exchanged = await exchange(dispatcher, url.origin, request, clock, untilMs);
      const answeredMs = clock.now();
      if (exchanged.kind !== "answered") return exchanged;

      const { answer } = exchanged;
      const { accessKeyId, accessKeySecret, securityToken = "" } = credentials;
      const { end, recovery } = readAnswer(answer, [accessKeyId, accessKeySecret, securityToken]);
      if (end.kind !== "accepted" && end.kind !== "refused") return { kind: "lost", fault: end.message };
      const seen = { sentMs, answeredMs, status: answer.status, requestId: end.requestId };
      if (end.kind === "accepted") return { kind: "accepted", ...seen, body: answer.body };
      const { reaction, retryAfterMs = 0 } = end.refusal;
      const code = hideNames(end.refusal.code, names);
      const refused = { kind: "refused", ...seen, code, hint: hintOf(answer), retryAfterMs } as const;
      if (reaction.kind === "rejected") {
        return { ...refused, reaction: reaction.rejection === "forbidden" ? "forbidden" : "rejected" };
      }
      if (reaction.kind !== "internal") return { ...refused, reaction: reaction.kind };
      const date = String(answer.headers["date"]);
      const recovered = await withDeadline(clock, untilMs, signing.recover(recovery, signedWith, date)).catch(
        () => false,
      );
      return { ...refused, reaction: recovered ? "mended" : "at-fault" };
    },
    roundTrip: () => roundTrip(dispatcher, url.origin, clock, clock.now() + timeoutMs),
    close: () => dispatcher.destroy(),
  };
}

function hintOf({ headers }: HttpAnswer): ThrottleHint {
  if (headers["x-acs-retry-after"] !== undefined) return "x-acs-retry-after";
  return headers["x-ratelimit-user-api"] !== undefined || headers["x-ratelimit-user"] !== undefined
    ? "x-ratelimit-user-api"
    : "none";
}
