// The connections to the upstream: HTTP/1.1, one request at a time on each. `exchange` relies on it to know what was
// written, and to take back with a connection nobody's request but its own.
import { Pool } from "undici";

/** `timeoutMs`: for making one connection. */
export function createPool(url: URL, timeoutMs: number): Pool {
  // No limit of connections: the tokens are one. Behind a limit, a call would wait inside its timeout; so it would for
  // the first handshake to tell the protocol, if undici were left to choose it.
  return new Pool(url.origin, { pipelining: 1, allowH2: false, connect: { timeout: timeoutMs } });
}
