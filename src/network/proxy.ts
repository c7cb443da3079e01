// Decides which proxy a call of the gateway goes through, by HTTPS_PROXY, HTTP_PROXY and NO_PROXY,
// which curl and the vendor's tools read too. Errors never show a value, because it may hold a
// password.
import { BlockList, isIP } from "node:net";

type Variables = Readonly<Record<string, string | undefined>>;

/**
 * The metadata service of an instance. Each machine has its own, so a proxy would answer with the
 * role of another one.
 */
const METADATA_SERVICE = "100.100.100.200";

const EXPECTED = "http://host:port or https://host:port, with user and password percent-encoded if there are any";

/** The proxy for this address, if it has one. Throws if the variable has a mistake. */
export function proxyFor(url: URL, environment: Variables): URL | undefined {
  const proxy = urlOf(textOf(environment, url.protocol === "https:" ? "HTTPS_PROXY" : "HTTP_PROXY"));
  return proxy && !isExempt(url, textOf(environment, "NO_PROXY")) ? proxy : undefined;
}

/** Every mistake in the variables. */
export function proxyMistakes(environment: Variables): readonly string[] {
  return ["HTTPS_PROXY", "HTTP_PROXY"].flatMap((name) => {
    try {
      urlOf(textOf(environment, name));
      return [];
    } catch (error) {
      return [`${name}: ${(error as Error).message}`];
    }
  });
}

/** The lower-case name wins, as in curl; set and empty, it means that there is no proxy. */
function textOf(environment: Variables, name: string): string {
  return (environment[name.toLowerCase()] ?? environment[name] ?? "").trim();
}

function urlOf(text: string): URL | undefined {
  if (text === "") return undefined;
  const whole = /^[a-z][a-z0-9+.-]*:\/\//i.test(text) ? text : `http://${text}`;
  const url = URL.canParse(whole) ? new URL(whole) : undefined;
  const isBare = url?.pathname === "/" && url.search === "" && url.hash === "";
  if (!url || !isBare || !/^https?:$/.test(url.protocol) || ![url.username, url.password].every(isDecodable)) {
    throw new Error(`expected ${EXPECTED}, not what was given`);
  }
  return url;
}

/** Whether each `%` of it begins percent-encoded UTF-8. */
export function isDecodable(text: string): boolean {
  try {
    decodeURIComponent(text);
    return true;
  } catch {
    return false;
  }
}

function isExempt({ protocol, hostname, port }: URL, list: string): boolean {
  const host = hostname.replace(/^\[(.*)\]$/, "$1").replace(/\.$/, "");
  if (host === METADATA_SERVICE) return true;
  const asked = port || (protocol === "https:" ? "443" : "80");
  return list
    .toLowerCase()
    .split(/[\s,]+/)
    .map(entryOf)
    .some((entry) => (entry.port === undefined || entry.port === asked) && matches(entry.host, host));
}

/** Splits `host`, `host:port`, `[::1]:port` and `::1`. */
function entryOf(text: string): { readonly host: string; readonly port: string | undefined } {
  const [, bracketed, plain, port] = /^(?:\[([^\]]*)\]|([^:]*))(?::(\d+))?$/.exec(text) ?? [];
  return { host: bracketed ?? plain ?? text, port };
}

/** An entry is `*`, an address, a range of them, or a domain, which includes its subdomains. */
function matches(entry: string, host: string): boolean {
  if (entry === "*") return true;
  const [base = "", length] = entry.split("/");
  if (isIP(base)) return isIP(host) !== 0 && addresses(base, length).check(host, familyOf(host));
  const domain = entry.replace(/^\*?\./, "").replace(/\.$/, "");
  return domain !== "" && (host === domain || host.endsWith(`.${domain}`));
}

function addresses(base: string, length: string | undefined): BlockList {
  const list = new BlockList();
  const longest = isIP(base) === 4 ? 32 : 128;
  const bits = length === undefined ? longest : Number(length || NaN);
  if (Number.isInteger(bits) && bits >= 0 && bits <= longest) list.addSubnet(base, bits, familyOf(base));
  return list;
}

function familyOf(address: string): "ipv4" | "ipv6" {
  return isIP(address) === 4 ? "ipv4" : "ipv6";
}
