// Decides who may see the page, its events and the flight record. With a token configured, the
// client must present it. Without one, only this machine may: a website must not get in by pointing
// its own name at this machine (DNS rebinding) or by requesting our addresses from its pages.
import { createHash, timingSafeEqual } from "node:crypto";
import type { IncomingHttpHeaders } from "node:http";
import { isLoopback } from "../../base/loopback.js";
import type { HttpRefusal } from "./answer.js";

/** Returns why a request is refused; undefined if it is allowed. */
export type Gate = (headers: IncomingHttpHeaders) => HttpRefusal | undefined;

const SET_A_TOKEN: HttpRefusal = {
  status: 403,
  error:
    "no token is configured, and other machines can reach this address: set OTA_ADMIN_TOKEN to use the page, its events " +
    "and the flight record",
};

const FOREIGN_HOST: HttpRefusal = {
  status: 403,
  error:
    "without a token, only http://localhost, http://127.0.0.1 and http://[::1] are served; to use other names, set " +
    "OTA_ADMIN_TOKEN",
};

const FOREIGN_SITE: HttpRefusal = {
  status: 403,
  error: "requests from pages of other sites are refused; open this address directly",
};

/** A browser prompts for a user and a password: any user will do, and the password is the token. */
const UNAUTHENTICATED: HttpRefusal = {
  status: 401,
  error: "missing or wrong token: send Authorization: Bearer TOKEN, or Basic with any user and the token as password",
  headers: { "www-authenticate": ['Basic realm="ota-gateway", charset="UTF-8"', 'Bearer realm="ota-gateway"'] },
};

/** Creates the gate of a server that listens on `host`. */
export function createGate(host: string, token?: string): Gate {
  const isOpen = token ? knows(token) : fromThisMachine(host);
  return (headers) => isOpen(headers) ?? (isOfAnotherSite(headers) ? FOREIGN_SITE : undefined);
}

function knows(token: string): Gate {
  const expected = digest(token);
  return ({ authorization = "" }) => {
    const given = tokenIn(authorization);
    // Digests have equal lengths, so the time of the comparison reveals nothing about the token.
    return given !== undefined && timingSafeEqual(digest(given), expected) ? undefined : UNAUTHENTICATED;
  };
}

function fromThisMachine(host: string): Gate {
  if (!isLoopback(host)) return () => SET_A_TOKEN;
  return (headers) => (isLoopback(hostOf(headers)) ? undefined : FOREIGN_HOST);
}

/**
 * Whether even the open paths must be refused. On a port that only this machine can reach, another
 * name in `Host` belongs to a website that points its name here, to read through an operator's
 * browser.
 */
export function isForeignHost(host: string, headers: IncomingHttpHeaders): boolean {
  return isLoopback(host) && !isLoopback(hostOf(headers));
}

function tokenIn(authorization: string): string | undefined {
  const [, scheme = "", credentials = ""] = /^(\w+) +(\S+)$/.exec(authorization) ?? [];
  if (scheme.toLowerCase() === "bearer") return credentials;
  if (scheme.toLowerCase() !== "basic") return undefined;
  const [, password] = /^[^:]*:(.*)$/s.exec(Buffer.from(credentials, "base64").toString()) ?? [];
  return password;
}

function digest(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}

/** The name under which the client reached us, without port and brackets. */
function hostOf({ host = "" }: IncomingHttpHeaders): string {
  const [, name = ""] = /^(\[[^\]]*\]|[^:]*)(?::\d*)?$/.exec(host) ?? [];
  return name.toLowerCase().replace(/^\[|\]$/g, "");
}

/** Following a link is the user's own action; loading a resource is an action of the page. */
function isOfAnotherSite(headers: IncomingHttpHeaders): boolean {
  const site = headers["sec-fetch-site"];
  return (site === "cross-site" || site === "same-site") && headers["sec-fetch-mode"] !== "navigate";
}
