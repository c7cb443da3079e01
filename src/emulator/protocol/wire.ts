// Reads a request off the wire: decoded, but not judged.
import type { IncomingHttpHeaders, IncomingMessage } from "node:http";
import type { Format } from "./answer.js";

/** Names and values, decoded, in the order of the wire. */
type Pairs = readonly (readonly [name: string, value: string])[];

export interface ReceivedRequest {
  readonly method: string;
  readonly path: string;
  readonly query: Pairs;
  /** The parameters of a form body; empty for any other body. */
  readonly form: Pairs;
  /** Names in lower case; `host` as sent, with its port. */
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

/**
 * Above any request that the upstream's own limits allow: 10,000 names with nicknames, all escaped,
 * take some 9 MB.
 */
const MAX_BODY_BYTES = 16 * 1024 * 1024;

/** Reads a request to the end of its body. Rejects as `readBody` does. */
export async function readRequest(request: IncomingMessage): Promise<ReceivedRequest> {
  const body = await readBody(request);
  const { method = "", url = "/", headers } = request;
  const queryAt = url.indexOf("?");
  const isForm = headers["content-type"]?.toLowerCase().startsWith("application/x-www-form-urlencoded") ?? false;
  return {
    method,
    path: queryAt < 0 ? url : url.slice(0, queryAt),
    query: queryAt < 0 ? [] : [...new URLSearchParams(url.slice(queryAt + 1))],
    form: isForm ? [...new URLSearchParams(body.toString("utf8"))] : [],
    headers,
    body,
  };
}

/** Reads a body. Rejects if the sender goes away before the end, or sends far too much. */
export async function readBody(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > MAX_BODY_BYTES) throw new Error(`the body is longer than ${MAX_BODY_BYTES} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/**
 * The value of a header; repeated headers are joined, as HTTP prescribes. Looks at own keys only,
 * because a client may name any header as signed.
 */
export function headerValue(request: ReceivedRequest, name: string): string | undefined {
  const value = Object.hasOwn(request.headers, name) ? request.headers[name] : undefined;
  return typeof value === "string" ? value : value?.join(", ");
}

/** XML, unless `Format` or else `Accept` asks for JSON. */
export function answerFormat(request: ReceivedRequest): Format {
  const asked = [...request.query, ...request.form].find(([name]) => name === "Format")?.[1].toUpperCase();
  if (asked === "JSON" || asked === "XML") return asked;
  return headerValue(request, "accept")?.includes("application/json") ? "JSON" : "XML";
}
