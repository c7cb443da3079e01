// Parses an address to listen on: `host:port`, with an IPv6 host in brackets.

export interface ListenAddress {
  readonly host: string;
  readonly port: number;
}

/** Undefined if `text` is no such address. */
export function parseListenAddress(text: string): ListenAddress | undefined {
  const [, bracketed, plain, digits] = /^(?:\[([0-9a-fA-F:.]+)\]|([^\s:[\]]+)):(\d{1,5})$/.exec(text) ?? [];
  const host = bracketed ?? plain;
  const port = Number(digits);
  return host !== undefined && port <= 65_535 ? { host, port } : undefined;
}
