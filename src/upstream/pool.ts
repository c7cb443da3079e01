// Creates the connections to the upstream: HTTP/1.1, one request at a time on each. `exchange`
// depends on that: it knows what was written, and closing a connection ends only the one request on
// it.
import { Pool } from "undici";

/** Creates the pool. `timeoutMs` is for opening one connection. */
export function createPool(url: URL, timeoutMs: number): Pool {
  // No limit on connections: the tokens already are one. With a limit, a call would spend its
  // timeout waiting for a connection. It would also wait if undici chose the protocol, for the
  // first handshake to settle it.
  return new Pool(url.origin, { pipelining: 1, allowH2: false, connect: { timeout: timeoutMs } });
}
