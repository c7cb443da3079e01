// Sets the HTTP attributes of the client span, by OpenTelemetry's semantic conventions. The address
// is recorded without its query, which holds device names.
import type { Attributes, Span } from "@opentelemetry/api";
import {
  ATTR_ERROR_TYPE,
  ATTR_HTTP_REQUEST_METHOD,
  ATTR_HTTP_RESPONSE_STATUS_CODE,
  ATTR_SERVER_ADDRESS,
  ATTR_SERVER_PORT,
  ATTR_URL_FULL,
} from "@opentelemetry/semantic-conventions";
import { flatten } from "../base/flat-string.js";
import type { Exchange } from "./exchange.js";

/** Attributes known before anything is sent; they are the same for all calls. */
export function requestAttributes(url: URL): Attributes {
  return {
    [ATTR_HTTP_REQUEST_METHOD]: "POST",
    [ATTR_URL_FULL]: flatten(`${url.origin}${url.pathname}`),
    [ATTR_SERVER_ADDRESS]: flatten(url.hostname),
    [ATTR_SERVER_PORT]: Number(url.port) || (url.protocol === "https:" ? 443 : 80),
  };
}

/**
 * Records why a call failed where HTTP does not say: nothing was sent, or a refusal came with HTTP
 * 200.
 */
export function describeFault(span: Span, type: string): void {
  span.setAttribute(ATTR_ERROR_TYPE, type);
}

/** Records what came back, or why nothing did. */
export function describeExchange(span: Span, exchange: Exchange): void {
  if (exchange.kind === "answered") {
    const { status } = exchange.answer;
    span.setAttribute(ATTR_HTTP_RESPONSE_STATUS_CODE, status);
    if (status >= 400) span.setAttribute(ATTR_ERROR_TYPE, String(status));
    return;
  }
  span.setAttribute(ATTR_ERROR_TYPE, exchange.fault);
  if (exchange.kind === "lost" && exchange.status) span.setAttribute(ATTR_HTTP_RESPONSE_STATUS_CODE, exchange.status);
}
