// Identifies the caller of an rpc by its headers and its connection.
import { flatten } from "../../base/flat-string.js";
import { ANONYMOUS, isCallerName } from "../../identity/caller-name.js";
import type { Identity, PendingIdentity, Stranger } from "../../identity/identity.js";
import type { Connection } from "./connections.js";

export const CALLER_HEADER = "x-ota-caller";

/** All strangers count as one caller, under this name. */
export const UNAUTHENTICATED = "";

/** The part of an rpc that identifies its caller. */
export interface RpcHead {
  readonly metadata: { get(name: string): readonly unknown[] };
  readonly connection?: Connection | undefined;
}

/** How callers prove who they are. */
export interface Authentication {
  /** Set if clients have certificates: the name in it; undefined if none is usable. */
  readonly certificate?: ((head: RpcHead) => string | undefined) | undefined;
  /** Set if bearer tokens are accepted. Takes all values of `authorization`. */
  readonly bearer?: ((authorization: readonly unknown[]) => Identity | PendingIdentity) | undefined;
}

/**
 * The identity that rights and fairness go by. Without authentication any caller can take any name,
 * which still keeps honest services apart. A name that is not valid is refused: served as
 * anonymous, a service would lose its weight and its rights without noticing. With authentication,
 * the claimed name is ignored: the certificate decides, or else the token. A bad token is refused
 * even beside a good certificate.
 */
export function identify(head: RpcHead, by: Authentication | undefined): Identity | PendingIdentity {
  if (!by) return claimedIdentity(head.metadata);
  const certified = by.certificate?.(head);
  const authorization = head.metadata.get("authorization");
  if (!by.bearer || (certified !== undefined && authorization.length === 0)) {
    return certified === undefined ? NO_CREDENTIALS : caller(certified);
  }
  const borne = by.bearer(authorization);
  if (certified === undefined) return borne;
  const preferCertificate = (identity: Identity) => (identity.kind === "caller" ? caller(certified) : identity);
  if (borne.kind !== "pending") return preferCertificate(borne);
  return { kind: "pending", verify: async () => preferCertificate(await borne.verify()) };
}

const NO_CREDENTIALS: Stranger = { kind: "stranger", why: "no credentials" };
const NO_NAME: Stranger = { kind: "stranger", why: "x-ota-caller is no caller name" };

/** Identities of the latest names: copying a name costs more than the rest of this file. */
const KNOWN = new Map<string, Identity>();
const MOST_KNOWN = 1000;

function caller(name: string): Identity {
  const known = KNOWN.get(name);
  if (known) return known;
  if (KNOWN.size === MOST_KNOWN) KNOWN.clear(); // any client can take any name
  const plain = flatten(name);
  const identity: Identity = { kind: "caller", name: plain };
  KNOWN.set(plain, identity);
  return identity;
}

function claimedIdentity(metadata: RpcHead["metadata"]): Identity {
  const names = metadata.get(CALLER_HEADER);
  const name = names[0];
  if (name === undefined) return caller(ANONYMOUS);
  if (names.length > 1) return NO_NAME;
  // Names that are known have been checked.
  return KNOWN.get(name as string) ?? (isCallerName(name) ? caller(name) : NO_NAME);
}
