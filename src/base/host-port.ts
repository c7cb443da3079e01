// Reads an address, `host:port` with an IPv6 host in brackets, and says what to write instead of
// what people write for one: a URL, an IPv6 address without brackets, a host or a port alone.

export interface HostPort {
  /** Without brackets. */
  readonly host: string;
  readonly port: number;
}

/** Undefined if `text` is no such address. */
export function parseHostPort(text: string): HostPort | undefined {
  const [, bracketed, plain, digits] = /^(?:\[([0-9a-fA-F:.]+)\]|([^\s:/,[\]]+)):(\d{1,5})$/.exec(text) ?? [];
  const host = bracketed ?? plain;
  const port = Number(digits);
  return host !== undefined && port <= 65_535 ? { host, port } : undefined;
}

/** Says what to write instead of a text that is no address. `usual` has the port to suggest. */
export function hostPortAdvice(text: string, usual: string): string {
  const usualPort = usual.slice(usual.lastIndexOf(":"));
  const completed = (rest: string) => {
    if (parseHostPort(rest)) return rest;
    return parseHostPort(rest + usualPort) ? rest + usualPort : usual;
  };
  const [, scheme, authority = ""] = /^([a-z][a-z\d+.-]*:\/\/)([^/?#]*)/i.exec(text) ?? [];
  if (scheme) return `leave out ${scheme} and write ${completed(authority.replace(/^.*@/, ""))}`;
  const [, beforePath] = /^([^/,]+)\//.exec(text) ?? [];
  if (beforePath) return `leave out the path and write ${completed(beforePath)}`;
  if (/^\d+$/.test(text)) return `the host is missing; write ${usual.slice(0, -usualPort.length)}:${text}`;
  if (/^:\d+$/.test(text)) return `the host is missing; write ${usual.slice(0, -usualPort.length)}${text}`;
  if (isIpv6(text)) return `an IPv6 address needs brackets; write ${bracketedIpv6(text, usualPort)}`;
  const [, port] = /:(\d+)$/.exec(text) ?? [];
  if (port !== undefined && Number(port) > 65_535) return `there is no port ${port}; the highest is 65535`;
  if (parseHostPort(text.replace(/:$/, "") + usualPort)) {
    return `the port is missing; write ${text.replace(/:$/, "") + usualPort}`;
  }
  return `write host:port, like ${usual}`;
}

/** The last group is meant as the port if there is an address without it. */
function bracketedIpv6(text: string, usualPort: string): string {
  const at = text.lastIndexOf(":");
  const [address, port] = [text.slice(0, at), text.slice(at + 1)];
  const isPort = /^\d{1,5}$/.test(port) && isIpv6(address) && !/[^:]:$/.test(address);
  return isPort ? `[${address}]:${port}` : `[${text}]${usualPort}`;
}

function isIpv6(text: string): boolean {
  return /^[\da-f]*(:[\da-f]*){2,8}$/i.test(text);
}
