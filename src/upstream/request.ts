// One call as it goes on the wire: a V3-signed POST, all parameters in the query, no body. What is put on
// the wire is the text that was signed, so no proxy or parser can read it as something else.
import type { Credentials } from "./credentials-source.js";
import type { Operation } from "./operations.js";
import { authorizationV3, canonicalQuery, EMPTY_BODY_SHA256 } from "./signature.js";

/** What a request is made of beside the call. */
export interface Making {
  readonly url: URL;
  readonly credentials: Credentials;
  /** The time at the upstream, as well as it is known. */
  readonly wallMs: number;
  /** Never used before: the upstream refuses one that it has seen. */
  readonly nonce: string;
}

/** A request ready to be sent. */
export interface WireRequest {
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** The signed request of a call. */
export function makeRequest(operation: Operation, { url, credentials, wallMs, nonce }: Making): WireRequest {
  const { accessKeyId, accessKeySecret, securityToken } = credentials;
  const { action, parameters } = operation;
  const query = canonicalQuery(parameters);
  const signed = {
    host: url.host,
    "x-acs-action": action,
    "x-acs-content-sha256": EMPTY_BODY_SHA256,
    "x-acs-date": `${new Date(wallMs).toISOString().slice(0, 19)}Z`,
    "x-acs-signature-nonce": nonce,
    "x-acs-version": "2018-01-20",
    ...(securityToken === undefined
      ? {}
      : { "x-acs-accesskey-id": accessKeyId, "x-acs-security-token": securityToken }),
  };
  const request = { method: "POST", path: url.pathname, query, headers: signed, bodySha256: EMPTY_BODY_SHA256 };
  return {
    path: `${url.pathname}?${query}`,
    headers: {
      ...signed,
      accept: "application/json",
      "user-agent": "ota-gateway",
      authorization: authorizationV3(request, accessKeyId, accessKeySecret),
    },
  };
}
