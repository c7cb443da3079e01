// The head of one stream: its headers and its connection. A class, because there is one for each
// stream.
import type { IncomingHttpHeaders } from "node:http2";
import { CALLER_HEADER, type RpcHead } from "./caller.js";
import type { Connection } from "./connections.js";

export class StreamHead implements RpcHead {
  readonly connection: Connection;
  #headers: IncomingHttpHeaders;

  constructor(headers: IncomingHttpHeaders, connection: Connection) {
    this.connection = connection;
    this.#headers = headers;
  }

  get headers(): IncomingHttpHeaders {
    return this.#headers;
  }

  get metadata(): RpcHead["metadata"] {
    return this;
  }

  get(name: string): readonly string[] {
    const value = this.#headers[name];
    return value === undefined ? [] : [String(value)];
  }

  /**
   * Lets go of all headers except those that identify the caller. An rpc waits long enough for the
   * garbage collector to move what it holds.
   */
  keepCredentials(): void {
    const { authorization, [CALLER_HEADER]: caller } = this.#headers;
    this.#headers = { authorization, [CALLER_HEADER]: caller };
  }
}
