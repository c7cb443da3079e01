// The head of one stream: its headers and its connection. A class, because there is one for each
// stream.
import type { IncomingHttpHeaders } from "node:http2";
import type { RpcHead } from "./caller.js";
import type { Connection } from "./connections.js";

export class StreamHead implements RpcHead {
  readonly connection: Connection;
  readonly headers: IncomingHttpHeaders;

  constructor(headers: IncomingHttpHeaders, connection: Connection) {
    this.connection = connection;
    this.headers = headers;
  }

  get metadata(): RpcHead["metadata"] {
    return this;
  }

  get(name: string): readonly string[] {
    const value = this.headers[name];
    return value === undefined ? [] : [String(value)];
  }
}
