// Computes the two signatures that Alibaba Cloud's RPC APIs accept: V3 (ACS3-HMAC-SHA256) and V1
// (HMAC-SHA1 over the parameters). Pure. The input is the decoded parameters and never the wire
// text, because clients differ in what they escape and agree only on what they sign.
import { createHash, createHmac } from "node:crypto";

/** Decoded parameter names and values; a list `DeviceName` is `DeviceName.1`, `DeviceName.2`, … */
export type Parameters = Iterable<readonly [name: string, value: string]>;

/** SHA-256 of an empty body, in hex. */
export const EMPTY_BODY_SHA256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/** Everything that a V3 signature covers. */
export interface V3Request {
  readonly method: string;
  readonly path: string;
  /** A text if it is canonical already. */
  readonly query: Parameters | string;
  /** Headers to sign, names in lower case: `host`, `content-type` if sent, and every `x-acs-*`. */
  readonly headers: Readonly<Record<string, string>>;
  /** SHA-256 of the body, in hex, as sent in `x-acs-content-sha256`. */
  readonly bodySha256: string;
}

const NEEDS_ENCODING = /[^A-Za-z0-9\-_.~]/;

/** Percent-encodes by RFC 3986: everything except letters, digits and `-_.~`. */
export function percentEncode(text: string): string {
  if (!NEEDS_ENCODING.test(text)) return text; // true of most names
  return encodeURIComponent(text).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);
}

/** Sorts parameters by the bytes of their names (`.10` before `.2`), encodes and joins them. */
export function canonicalQuery(parameters: Parameters): string {
  // Names are ASCII, where code units sort like bytes. `localeCompare` sorts by neither.
  return [...parameters]
    .sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
    .map(([name, value]) => `${percentEncode(name)}=${percentEncode(value)}`)
    .join("&");
}

/** The text whose hash a V3 signature signs. */
export function canonicalRequestV3(request: V3Request): string {
  const names = Object.keys(request.headers).sort();
  const lines = names.map((name) => `${name}:${(request.headers[name] ?? "").trim()}\n`);
  const { method, path, query, bodySha256 } = request;
  const sorted = typeof query === "string" ? query : canonicalQuery(query);
  return [method, path, sorted, lines.join(""), names.join(";"), bodySha256].join("\n");
}

/** The V3 signature, in hex. */
export function signV3(request: V3Request, accessKeySecret: string): string {
  const hash = createHash("sha256").update(canonicalRequestV3(request)).digest("hex");
  return createHmac("sha256", accessKeySecret).update(`ACS3-HMAC-SHA256\n${hash}`).digest("hex");
}

/** The `Authorization` header of a V3 request. */
export function authorizationV3(request: V3Request, accessKeyId: string, accessKeySecret: string): string {
  const signedHeaders = Object.keys(request.headers).sort().join(";");
  const signature = signV3(request, accessKeySecret);
  return `ACS3-HMAC-SHA256 Credential=${accessKeyId},SignedHeaders=${signedHeaders},Signature=${signature}`;
}

/** The V1 signature, in base64, over all query and form parameters except `Signature` itself. */
export function signV1(method: string, parameters: Parameters, accessKeySecret: string): string {
  const text = `${method}&%2F&${percentEncode(canonicalQuery(parameters))}`;
  return createHmac("sha1", `${accessKeySecret}&`).update(text).digest("base64");
}
