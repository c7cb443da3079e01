// The seam to the upstream: one call out, one end back. What a code means is decided behind it; what
// follows for tokens, devices and callers is decided by the gateway from these types alone.
import type { Scope } from "./command.js";

/** One HTTP request to the upstream. */
export interface CancelCall {
  readonly scope: Scope;
  /** 1 to 200 distinct names that fit `Upstream.room`. */
  readonly deviceNames: readonly string[];
}

/** How a call ended. The token's way back depends on which of the four it was. */
export type CallEnd =
  /** An answer with a RequestId that says Success. */
  | { readonly kind: "accepted"; readonly requestId: string }
  /** An answer with a RequestId that does not. */
  | { readonly kind: "refused"; readonly requestId: string; readonly refusal: Refusal }
  /** Something was or may have been written, and no answer came back that says success or failure under a RequestId. */
  | { readonly kind: "lost"; readonly message: string }
  /** Nothing was written: no connection, or no credentials (`ours`: the gateway's own fault). */
  | { readonly kind: "unwritten"; readonly message: string; readonly ours: boolean };

/** What the upstream said when it refused. */
export interface Refusal {
  /** The upstream's code, such as `iot.device.NotExistedDevice`; passed on as it came, empty if it gave none. */
  readonly code: string;
  /** The upstream's words, freed of addresses, keys and signatures. May name devices of the call, each whole. */
  readonly message: string;
  readonly reaction: Reaction;
  /** It concerns the scope or the account: any other call of the scope would be refused as well. */
  readonly requestWide?: true;
  /** How long the upstream asks to wait, if it does. */
  readonly retryAfterMs?: number;
}

/** What a refusal calls for. */
export type Reaction =
  /** Refused for rate: pause the account and send again. */
  | { readonly kind: "throttled" }
  /** A fault of the upstream that passes: send again, after a backoff. */
  | { readonly kind: "unavailable" }
  /** The gateway's own fault (keys, clock, signature). `recovered`: the next call will differ; send again. */
  | { readonly kind: "internal"; readonly recovered: boolean }
  /** Refused for what it asks. `deviceFault`: one device in the call may be the reason for all. */
  | { readonly kind: "rejected"; readonly rejection: Rejection; readonly deviceFault: boolean };

/** Why a request was rejected, in the few words that callers need to branch on. */
export type Rejection = "not-found" | "invalid" | "precondition" | "forbidden";

/** How much fits into one call, counted in bytes of the encoded address. */
export interface Room {
  readonly devices: number;
  readonly bytes: number;
  /** Bytes that a call of this scope takes without any device. */
  bytesOfScope(scope: Scope): number;
  /** Bytes that one more device takes, whatever its position. */
  bytesOfDevice(name: string): number;
}

/** The account's way to the upstream. */
export interface Upstream {
  readonly room: Room;
  /** The longest that a call takes from `cancelTasks` to its end. */
  readonly timeoutMs: number;
  /** Sends one call. Always resolves, within `timeoutMs`, and cannot be aborted: see limiter.ts. */
  cancelTasks(call: CancelCall): Promise<CallEnd>;
}
