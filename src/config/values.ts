// Parsers for the values of settings. Each takes the text of a variable, and throws an Error that
// says what was expected.
import { isLoopback } from "../base/loopback.js";
import type { KeyLocation } from "../identity/key-source.js";

export type Parser<T> = (text: string) => T;

/** An address to listen on. */
export interface Address {
  readonly host: string;
  readonly port: number;
}

export function address(text: string): Address {
  const [, host, port] = /^(?:\[([0-9a-fA-F:]+)\]|[^:[\]]+):(\d{1,5})$/.exec(text) ?? [];
  if (port === undefined || Number(port) > 65_535) throw new Error("host:port, like 127.0.0.1:50051");
  return { host: host ?? text.slice(0, text.lastIndexOf(":")), port: Number(port) };
}

export function origin(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const bare =
    url && /^https?:$/.test(url.protocol) && url.pathname === "/" && !url.search && !url.hash && !hasUser(url);
  if (!bare) throw new Error("an http or https address without path, like https://iot.cn-shanghai.aliyuncs.com");
  return url;
}

export function redisUrls(text: string): readonly URL[] {
  const urls = text.split(",").filter((each) => each.trim() !== "");
  if (!urls.every(isRedisUrl)) {
    throw new Error(
      "redis://host:port or rediss://host:port, or several with commas; in a password , / ? # % @ percent-encoded",
    );
  }
  return urls.map((each) => new URL(each));
}

/**
 * Allows nothing after the host except a database number: a password cut at its own / ? or # would
 * be shown as a host.
 */
function isRedisUrl(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, hostname, pathname, search, hash, username, password } = new URL(text);
  const isCut = !/^(\/\d*)?$/.test(pathname) || search.includes("@") || hash !== "";
  return /^rediss?:$/.test(protocol) && hostname !== "" && !isCut && isDecodable(username) && isDecodable(password);
}

function isDecodable(text: string): boolean {
  try {
    decodeURIComponent(text);
    return true;
  } catch {
    return false;
  }
}

/**
 * Parses a path or address. Allows plain http only on this machine, because an attacker who can
 * replace the keys in transit can impersonate anybody.
 */
export function keyLocation(text: string): KeyLocation | undefined {
  if (text === "") return undefined;
  if (text.startsWith("{")) throw new Error("the path of a file, or an https address");
  if (!/^[a-z]+:\/\//i.test(text)) return { kind: "file", path: text };
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const isSafe = url?.protocol === "https:" || (url?.protocol === "http:" && isLoopback(url.hostname));
  if (!url || !isSafe || hasUser(url)) throw new Error("the path of a file, or an https address");
  return { kind: "url", url };
}

/**
 * Whether the address holds a user name or password. Such addresses are refused: addresses are
 * shown, and fetch puts them into its errors.
 */
export function hasUser({ username, password }: URL): boolean {
  return username !== "" || password !== "";
}

export function integer(least: number, most: number): Parser<number> {
  return (text) => {
    const value = Number(text);
    if (!/^\d+$/.test(text) || value < least || value > most)
      throw new Error(`a whole number from ${least} to ${most}`);
    return value;
  };
}

const UNITS = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/** A whole number with a unit, in ms. */
export function timeSpan(leastMs: number, mostMs: number): Parser<number> {
  return (text) => {
    const [, number, unit] = /^(\d+)([smhd])$/.exec(text) ?? [];
    const ms = Number(number) * UNITS[unit as keyof typeof UNITS];
    if (!(ms >= leastMs && ms <= mostMs)) {
      throw new Error(`a number with s, m, h or d, from ${leastMs / 60_000}m to ${mostMs / UNITS.d}d`);
    }
    return ms;
  };
}

/** A path, or the address of a database. */
export function stateLocation(text: string): string {
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(text) && !/^postgres(ql)?:\/\//.test(text)) {
    throw new Error("the path of a file, or postgres://user:password@host/database");
  }
  return text;
}

export function path(text: string): string {
  return text;
}

export function flag(text: string): boolean {
  if (!/^(|0|1|true|false)$/.test(text)) throw new Error("1 or 0");
  return text === "1" || text === "true";
}

export function oneOf<T extends string>(allowed: readonly T[]): Parser<T> {
  return (text) => {
    const found = allowed.find((each) => each === text);
    if (!found) throw new Error(`one of ${allowed.join(", ")}`);
    return found;
  };
}
