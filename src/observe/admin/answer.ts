// How every answer of the admin port looks: JSON, never kept, and with the headers that hold a browser
// to what the page needs and nothing more.
import type { OutgoingHttpHeaders, ServerResponse } from "node:http";

/** The page loads its own files and its own events; it has no inline code, is in no frame, and submits no form. */
const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "connect-src 'self'",
  "img-src 'self'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
  "form-action 'none'",
  "require-trusted-types-for 'script'",
  "trusted-types 'none'",
].join("; ");

export const SECURITY_HEADERS = {
  "content-security-policy": CONTENT_SECURITY_POLICY,
  "x-content-type-options": "nosniff",
  "referrer-policy": "no-referrer",
  "cross-origin-resource-policy": "same-origin",
  "cache-control": "no-store",
} as const satisfies OutgoingHttpHeaders;

/** An answer that is no success. */
export interface HttpRefusal {
  readonly status: number;
  readonly error: string;
  readonly headers?: OutgoingHttpHeaders;
}

export function answerJson(
  response: ServerResponse,
  status: number,
  body: object,
  headers?: OutgoingHttpHeaders,
): void {
  answerText(response, status, "application/json", `${JSON.stringify(body)}\n`, headers);
}

export function refuse(response: ServerResponse, { status, error, headers }: HttpRefusal): void {
  answerJson(response, status, { error }, headers);
}

/** Node leaves the body of an answer to HEAD away. */
export function answerText(
  response: ServerResponse,
  status: number,
  contentType: string,
  body: string,
  headers?: OutgoingHttpHeaders,
): void {
  const lengths = { "content-type": contentType, "content-length": Buffer.byteLength(body) };
  response.writeHead(status, { ...SECURITY_HEADERS, ...headers, ...lengths });
  response.end(body);
}
