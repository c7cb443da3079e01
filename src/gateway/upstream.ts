// The seam to the upstream: one call out, one end back. The meaning of the upstream's codes is
// decided behind it. From these types alone, the gateway decides what follows for tokens, devices
// and callers.
import type { Scope } from "./command.js";

/** One HTTP request to the upstream. */
export interface CancelCall {
  readonly scope: Scope;
  /** 1 to 200 distinct names that fit `Upstream.room`. */
  readonly deviceNames: readonly string[];
}

/** How a call ended. The four kinds differ in when the token returns. */
export type CallEnd =
  /**
   * An answer with a RequestId that reports success. `waitMs`: the time from writing the request to
   * the first byte of the answer.
   */
  | { readonly kind: "accepted"; readonly requestId: string; readonly waitMs?: number }
  /** An answer with a RequestId that reports a failure. */
  | { readonly kind: "refused"; readonly requestId: string; readonly refusal: Refusal }
  /**
   * Something was or may have been written, but no answer reported success or failure under a
   * RequestId.
   */
  | { readonly kind: "lost"; readonly message: string }
  /** Nothing was written: no connection, or no credentials (`ours`: the gateway's own fault). */
  | { readonly kind: "unwritten"; readonly message: string; readonly ours: boolean };

/** The upstream's refusal. */
export interface Refusal {
  /**
   * The upstream's code, unchanged, such as `iot.device.NotExistedDevice`; empty if it gave none.
   */
  readonly code: string;
  /**
   * The upstream's text, without addresses, keys and signatures. May contain complete device names
   * of the call.
   */
  readonly message: string;
  readonly reaction: Reaction;
  /** It concerns the scope or the account: any other call of the scope would be refused as well. */
  readonly requestWide?: true;
  /** How long the upstream asks to wait, if it does. */
  readonly retryAfterMs?: number;
}

/** How the gateway reacts to a refusal. */
export type Reaction =
  /** Refused for rate: pause the account and send again. */
  | { readonly kind: "throttled" }
  /** A temporary fault of the upstream: send again after a backoff. */
  | { readonly kind: "unavailable" }
  /**
   * The gateway's own fault (keys, clock, signature). `recovered`: the next call will differ; send
   * again.
   */
  | { readonly kind: "internal"; readonly recovered: boolean }
  /**
   * The request itself was refused. `deviceFault`: a single device in the call may be the cause.
   */
  | { readonly kind: "rejected"; readonly rejection: Rejection; readonly deviceFault: boolean };

/** Why a request was rejected, in the few categories that callers branch on. */
export type Rejection = "not-found" | "invalid" | "precondition" | "forbidden";

/** The capacity of one call, in bytes of the encoded address. */
export interface Room {
  readonly devices: number;
  readonly bytes: number;
  /** The bytes of a call of this scope without devices. */
  bytesOfScope(scope: Scope): number;
  /** The bytes that one more device adds, at any position. */
  bytesOfDevice(name: string): number;
}

/** Sends the calls of one account. */
export interface Upstream {
  readonly room: Room;
  /** The longest time from the use of a token to the end of its call. */
  readonly timeoutMs: number;
  /**
   * Sends one call. Always resolves, within `timeoutMs` from `sentMs`, when its token was used, and
   * writes nothing after that; cannot be aborted (see limiter.ts).
   */
  cancelTasks(call: CancelCall, sentMs: number): Promise<CallEnd>;
}
