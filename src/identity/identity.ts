// The identity of a client: a caller with a name, or a stranger that is refused. The reason goes to
// the log and the audit log only. Every stranger gets the same answer, so it learns nothing from
// it, unless it need not prove who it is and only gave a name that is not valid.

export type Identity = { readonly kind: "caller"; readonly name: string } | Stranger;

/** A client that has not proved who it is. */
export interface Stranger {
  readonly kind: "stranger";
  readonly why: WhyStrange;
  /** The name that the client claims, if it can be read. Nothing proves it. */
  readonly claimed?: string;
  /**
   * When to retry. Set if the fault is not the client's: the keys for its token are unavailable.
   */
  readonly retryAfterMs?: number;
}

/** An identity not known yet. Nothing is checked before `verify` is called; it never rejects. */
export interface PendingIdentity {
  readonly kind: "pending";
  verify(): Promise<Identity>;
}

/** The reason for a refusal. Contains nothing of what the client sent. */
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
  | "keys out of reach"
  | "x-ota-caller is no caller name";
