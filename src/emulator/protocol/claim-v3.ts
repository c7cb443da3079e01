// Reads the claim of signature version 3 (ACS3-HMAC-SHA256), which is in headers. Host, content
// type and every x-acs-* header must be signed; otherwise a relay could change them.
import { createHash } from "node:crypto";
import { signV3 } from "../../upstream/signature.js";
import type { Claim } from "./claim.js";
import { PopError, popError } from "./errors.js";
import { headerValue, type ReceivedRequest } from "./wire.js";

const AUTHORIZATION = /^ACS3-HMAC-SHA256 +Credential=([^,]+), *SignedHeaders=([^,]+), *Signature=([0-9a-f]+)$/;

export function claimV3(request: ReceivedRequest, authorization: string): Claim {
  const [, accessKeyId, names, signature] = AUTHORIZATION.exec(authorization) ?? [];
  if (!accessKeyId || !names || !signature) throw popError("IncompleteSignature");
  const signedNames = names.split(";");
  const unsigned = Object.keys(request.headers).find((name) => mustBeSigned(name) && !signedNames.includes(name));
  // It is known that these are rejected; the code is a guess, because the documentation is silent.
  if (unsigned) throw popError("IncompleteSignature");

  return {
    action: required(request, "x-acs-action"),
    version: required(request, "x-acs-version"),
    accessKeyId,
    securityToken: headerValue(request, "x-acs-security-token") ?? "",
    timestamp: required(request, "x-acs-date"),
    nonce: required(request, "x-acs-signature-nonce"),
    signature,
    expectedSignature: (accessKeySecret) => {
      const bodySha256 = createHash("sha256").update(request.body).digest("hex");
      // The code for a body that differs from its announced hash is a guess: the documentation is
      // silent.
      if (required(request, "x-acs-content-sha256") !== bodySha256) throw popError("SignatureDoesNotMatch");
      const headers = Object.fromEntries(signedNames.map((name) => [name, headerValue(request, name) ?? ""]));
      const { method, path, query } = request;
      return signV3({ method, path, query, headers, bodySha256 }, accessKeySecret);
    },
  };
}

function mustBeSigned(name: string): boolean {
  return name === "host" || name === "content-type" || name.startsWith("x-acs-");
}

function required(request: ReceivedRequest, name: string): string {
  const value = headerValue(request, name);
  // The code is a guess: it is documented for parameters only.
  if (!value) throw new PopError("MissingParameter", 400, `${name} is mandatory for this action.`);
  return value;
}
