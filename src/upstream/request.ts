// Builds one call as it is sent: a V3-signed POST, all parameters in the query, no body. The text
// on the wire is the text that was signed, so no proxy or parser can read it differently.
import type { Credentials } from "./credentials-source.js";
import type { Operation } from "./device-operations.js";
import { authorizationV3, canonicalQuery, EMPTY_BODY_SHA256 } from "./signature.js";

/** The parts of a request besides the call. */
export interface Making {
  readonly url: URL;
  readonly credentials: Credentials;
  /** The upstream's time, as well as it is known. */
  readonly wallMs: number;
  /** Must be new each time: the upstream refuses a nonce that it has seen. */
  readonly nonce: string;
}

/** A request ready to be sent: a POST, unless it says otherwise. */
export interface WireRequest {
  readonly method?: "OPTIONS";
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** Builds and signs the request of a call. */
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
