// Who a caller has been found to be: a name, or nobody that is let in. Why not is for the log and the audit log
// alone: whoever is turned away is told the same, whatever was wrong.

/** The name of a caller, or a stranger. */
export type Identity = string | Stranger;

/** What finds out who it is, if that takes some time; nothing is done before it is called. It never rejects. */
export type IdentityCheck = () => Promise<Identity>;

/** Somebody who has not proved who they are. */
export interface Stranger {
  readonly why: WhyStrange;
  /** Who they say they are, if that can be read. Nothing proves it. */
  readonly claimed?: string;
  /** When to come again; there if it is not their fault: what would tell is out of reach. */
  readonly retryAfterMs?: number;
}

/** What was wrong, in words that hold nothing of what was sent. */
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
