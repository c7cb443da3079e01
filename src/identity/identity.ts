// Who calls: a caller with a name, or a stranger that is refused. The reason why goes to the log and the audit log
// only: every stranger gets the same answer, so that it learns nothing from it.

export type Identity = { readonly kind: "caller"; readonly name: string } | Stranger;

/** A client that has not proved who it is. */
export interface Stranger {
  readonly kind: "stranger";
  readonly why: WhyStrange;
  /** The name that the client claims, if it can be read. Nothing proves it. */
  readonly claimed?: string;
  /** When to retry. Set if the fault is not the client's: the keys to check its token with are out of reach. */
  readonly retryAfterMs?: number;
}

/** Not known yet. Nothing is checked before `verify` is called, which never rejects. */
export interface PendingIdentity {
  readonly kind: "pending";
  verify(): Promise<Identity>;
}

/** What was wrong, in words that contain nothing of what was sent. */
export type WhyStrange =
  | "no credentials"
  | "not one bearer token"
  | "malformed token"
  | "algorithm not allowed"
  | "unknown key"
  | "wrong signature"
  | "expired"
  | "not valid yet"
  | "wrong issuer"
  | "wrong audience"
  | "claim missing"
  | "sub is no caller name"
  | "keys out of reach";
