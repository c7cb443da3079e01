// What is known about a call before its message is looked at: who asks, and by when to answer.
import type { Metadata } from "@grpc/grpc-js";
import type { Clock } from "../../base/clock.js";
import { ANONYMOUS, isCallerName } from "../../identity/caller-name.js";
import type { Identity, IdentityCheck } from "../../identity/identity.js";

const CALLER_HEADER = "x-ota-caller";

/** The longest that an answer needs to get out before the deadline drops it. */
const REPLY_MARGIN_MS = 200;

/** A call that somebody makes. */
export interface RpcHead {
  readonly metadata: Metadata;
  /** `address:port` of the other end of its connection. */
  getPeer(): string;
}

/** How callers prove who they are. */
export interface Authentication {
  /** If connections have client certificates: the name that this call's gives, undefined if it names nobody. */
  readonly certificate?: ((call: RpcHead) => string | undefined) | undefined;
  /** If bearer tokens are taken: who they say it is, given all values of `authorization`. */
  readonly bearer?: ((authorization: readonly unknown[]) => Identity | IdentityCheck) | undefined;
}

/**
 * The identity that rights and fairness go by. Without authentication nothing proves it: any caller can take any
 * name, and that keeps honest services apart. With it, what a caller says of itself counts for nothing: a certificate
 * names it, or else a token. A token that does not hold is refused beside the best of certificates.
 */
export function identify(call: RpcHead, by: Authentication | undefined): Identity | IdentityCheck {
  if (!by) return claimedName(call.metadata);
  const certified = by.certificate?.(call);
  const authorization = call.metadata.get("authorization");
  if (!by.bearer || (certified !== undefined && authorization.length === 0)) return certified ?? NOBODY;
  const borne = by.bearer(authorization);
  if (certified === undefined) return borne;
  const first = (identity: Identity) => (typeof identity === "string" ? certified : identity);
  return typeof borne === "function" ? async () => first(await borne()) : first(borne);
}

const NOBODY: Identity = { why: "no credentials" };

function claimedName(metadata: Metadata): string {
  const name = metadata.get(CALLER_HEADER)[0];
  return isCallerName(name) ? name : ANONYMOUS;
}

/**
 * When to answer, on the monotonic clock: a margin before the deadline, since grpc-js drops on both
 * ends what comes after it.
 */
export function answerByMs(deadline: number | Date, defaultDeadlineMs: number, clock: Clock): number {
  const epochMs = deadline instanceof Date ? deadline.getTime() : deadline;
  const leftMs = Number.isFinite(epochMs) ? Math.max(epochMs - clock.wallNow(), 0) : defaultDeadlineMs;
  return clock.now() + leftMs - Math.min(REPLY_MARGIN_MS, leftMs / 4);
}
