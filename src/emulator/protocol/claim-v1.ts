// Reads the claim of signature version 1, where everything is a parameter of the query or of a
// form, and all parameters are signed.
import { signV1 } from "../../upstream/signature.js";
import type { Claim } from "./claim.js";
import { missingParameter, popError } from "./errors.js";
import type { ReceivedRequest } from "./wire.js";

export function claimV1(request: ReceivedRequest): Claim {
  const pairs = [...request.query, ...request.form];
  const values = new Map(pairs);
  const required = (name: string): string => {
    const value = values.get(name);
    if (!value) throw missingParameter(name);
    return value;
  };
  const accessKeyId = required("AccessKeyId");
  if (required("SignatureMethod") !== "HMAC-SHA1") throw popError("InvalidSignatureMethod");
  if (required("SignatureVersion") !== "1.0") throw popError("IncompleteSignature");
  return {
    action: required("Action"),
    version: required("Version"),
    accessKeyId,
    securityToken: values.get("SecurityToken") ?? "",
    timestamp: required("Timestamp"),
    nonce: required("SignatureNonce"),
    signature: required("Signature"),
    expectedSignature: (accessKeySecret) =>
      signV1(
        request.method,
        pairs.filter(([name]) => name !== "Signature"),
        accessKeySecret,
      ),
  };
}
