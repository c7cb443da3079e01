// Verifies a request: key, token, clock, signature, nonce. Returns the call, or throws the POP
// gateway's refusal. Only a request with a valid signature uses its nonce up.
import type { Clock } from "../../base/clock.js";
import { claimV1 } from "./claim-v1.js";
import { claimV3 } from "./claim-v3.js";
import { popError } from "./errors.js";
import { CLOCK_TOLERANCE_MS, Nonces } from "./nonces.js";
import { headerValue, type ReceivedRequest } from "./wire.js";

/** The access key of the emulated account. */
export interface AccessKey {
  readonly accessKeyId: string;
  readonly accessKeySecret: string;
  /** Empty for a permanent key, which takes no token. */
  readonly securityToken: string;
}

/** A request whose sender has been verified. */
export interface SignedCall {
  readonly action: string;
  readonly version: string;
  readonly parameters: ReadonlyMap<string, string>;
}

export function signatureCheck(key: AccessKey, clock: Clock): (request: ReceivedRequest) => SignedCall {
  const nonces = new Nonces(clock);
  return (request) => {
    // SDKs send x-acs-action with V1 as well, so only the Authorization header tells the versions
    // apart.
    const authorization = headerValue(request, "authorization");
    const claim = authorization?.startsWith("ACS3-") ? claimV3(request, authorization) : claimV1(request);
    if (claim.accessKeyId !== key.accessKeyId) throw popError("InvalidAccessKeyId.NotFound");
    checkToken(claim.securityToken, key.securityToken);
    checkTimestamp(claim.timestamp, clock.wallNow());
    if (claim.signature !== claim.expectedSignature(key.accessKeySecret)) throw popError("SignatureDoesNotMatch");
    if (!nonces.use(claim.nonce)) throw popError("SignatureNonceUsed");
    const { action, version } = claim;
    return { action, version, parameters: new Map([...request.query, ...request.form]) };
  };
}

function checkToken(token: string, expected: string): void {
  if (token === expected) return;
  throw popError(token ? "InvalidSecurityToken.MismatchWithAccessKey" : "MissingSecurityToken");
}

function checkTimestamp(timestamp: string, nowMs: number): void {
  const madeMs = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/.test(timestamp) ? Date.parse(timestamp) : Number.NaN;
  if (Number.isNaN(madeMs)) throw popError("InvalidTimeStamp.Format");
  if (Math.abs(nowMs - madeMs) > CLOCK_TOLERANCE_MS) throw popError("InvalidTimeStamp.Expired");
}
