// Parsers for the values of settings. Each takes the text of a variable, and throws an Error that
// says what was expected.
import { type HostPort, hostPortAdvice, parseHostPort } from "../base/host-port.js";
import { isLoopback } from "../base/loopback.js";
import { SECRET, wrongWith } from "../base/text-rules.js";
import type { KeyLocation } from "../identity/key-source.js";
import { isDecodable } from "../network/proxy.js";

/** Stands for the address of a port that is not opened. */
export const OFF = "off";

export type Parser<T> = (text: string) => T;

/** An address to listen on; `usual` is one that can be suggested. */
export function addressLike(usual: string): Parser<HostPort> {
  return (text) => {
    const address = parseHostPort(text);
    if (!address) throw new Error(`host:port (${hostPortAdvice(text, usual)})`);
    return address;
  };
}

/** The same, or undefined for `off`. */
export function addressOrOff(usual: string): Parser<HostPort | undefined> {
  const address = addressLike(usual);
  return (text) => (text === OFF ? undefined : address(text));
}

export function origin(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const bare =
    url && /^https?:$/.test(url.protocol) && url.pathname === "/" && !url.search && !url.hash && !hasUser(url);
  if (!bare) throw new Error("an http or https address without path, like https://iot.cn-shanghai.aliyuncs.com");
  return url;
}

/**
 * Parses one server, several nodes of a Cluster, or `redis+sentinel://host:port,host:port/group`.
 * Makes an address for each Sentinel.
 */
export function redisUrls(text: string): readonly URL[] {
  const [, start, hosts = "", end] = /^\s*(rediss?\+sentinel:\/\/(?:[^@,/]*@)?)([^@/]*)(\/[^,]*)$/.exec(text) ?? [];
  const given = text.split(",").filter((each) => each.trim() !== "");
  const all = start ? hosts.split(",").map((host) => `${start}${host}${end}`) : given;
  const isOneKind = new Set(all.map((each) => URL.parse(each)?.protocol)).size <= 1;
  if (!all.every(isRedisUrl) || !isOneKind) {
    throw new Error(
      "redis://host:port or rediss://host:port, several of one kind with commas for a Cluster, or " +
        "redis+sentinel://host:port,host:port/group; in a password , / ? # % @ percent-encoded",
    );
  }
  return all.map((each) => new URL(each));
}

/**
 * Allows nothing after the host except a database number, and for Sentinels their group and
 * credentials: a password cut at its own / ? or # would be shown as a host.
 */
function isRedisUrl(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, hostname, pathname, search, hash, username, password } = new URL(text);
  const isSentinel = /^rediss?\+sentinel:$/.test(protocol);
  const isWhole = isSentinel
    ? /^\/[\w.-]+(\/\d*)?$/.test(pathname) && SENTINEL_CREDENTIALS.test(search) && isDecodable(search)
    : /^(\/\d*)?$/.test(pathname) && !search.includes("@");
  const isKind = isSentinel || /^rediss?:$/.test(protocol);
  return isKind && hostname !== "" && hash === "" && isWhole && isDecodable(username) && isDecodable(password);
}

const SENTINEL_CREDENTIALS = /^(\?sentinel(Username|Password)=[^&@]+(&sentinel(Username|Password)=[^&@]+)?)?$/;

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

/** A secret that cannot be one. The message says where and why, and stands in for the value. */
export class UnusableSecret extends Error {
  override readonly name = "UnusableSecret";
}

/** Parses a secret that travels in a header; empty if there is none. */
export function secret(text: string): string {
  const wrong = text === "" ? undefined : wrongWith(text, SECRET);
  if (wrong) throw new UnusableSecret(wrong);
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
