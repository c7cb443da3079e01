// Writes the answers of the admin port. Each carries headers that forbid caching and restrict the
// browser to what the page needs.
import type { OutgoingHttpHeaders, ServerResponse } from "node:http";

/** The page loads its own files and events. It has no inline code, frames or form submissions. */
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

/** An unsuccessful answer. */
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

/** Writes a whole body. Node omits the body when it answers HEAD. */
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
