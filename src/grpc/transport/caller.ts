// Identifies the caller of an rpc by what its headers and its connection say.
import { ANONYMOUS, isCallerName } from "../../identity/caller-name.js";
import type { Identity, IdentityCheck } from "../../identity/identity.js";
import type { Connection } from "./connections.js";

const CALLER_HEADER = "x-ota-caller";

/** A call that somebody makes. */
export interface RpcHead {
  readonly metadata: { get(name: string): readonly unknown[] };
  readonly connection?: Connection | undefined;
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

function claimedName(metadata: RpcHead["metadata"]): string {
  const name = metadata.get(CALLER_HEADER)[0];
  return isCallerName(name) ? name : ANONYMOUS;
}
