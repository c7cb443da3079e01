// Creates the connections to one address, directly or through a proxy: HTTP/1.1, one request at a
// time on each. `exchange` depends on that: it knows what was written, and closing a connection
// ends only the one request on it.
import { type Dispatcher, Pool, ProxyAgent } from "undici";

/** `timeoutMs` is for opening a connection, and for the proxy to open its own. */
export function createConnectionPool(url: URL, timeoutMs: number, proxy?: URL): Dispatcher {
  // No limit on connections: the tokens already are one. With a limit, a call would spend its
  // timeout waiting for a connection. It would also wait if undici chose the protocol, for the
  // first handshake to settle it.
  const onePerConnection = { pipelining: 1, allowH2: false } as const;
  if (!proxy) return new Pool(url.origin, { ...onePerConnection, connect: { timeout: timeoutMs } });
  // https goes through a tunnel: a proxy that refuses one has been sent nothing of the request.
  return new ProxyAgent({
    ...onePerConnection,
    uri: proxy.href,
    connectTimeout: timeoutMs,
    // Without this, a proxy that never answers would hold a connection of each call for minutes.
    clientFactory: (origin, options) => new Pool(origin, { ...options, headersTimeout: timeoutMs }),
  });
}
