// Who may see the page, its events and the flight record. With a token: who knows it. Without: only this
// machine, and no website that has its own name lead to this machine or opens our addresses in its name.
import { createHash, timingSafeEqual } from "node:crypto";
import type { IncomingHttpHeaders } from "node:http";
import { isLoopback } from "../../base/loopback.js";
import type { HttpRefusal } from "./answer.js";

/** Undefined lets the request in. */
export type Gate = (headers: IncomingHttpHeaders) => HttpRefusal | undefined;

const SET_A_TOKEN: HttpRefusal = {
  status: 403,
  error:
    "this address can be reached from other machines: set OTA_ADMIN_TOKEN to open the page, its events and the flight " +
    "record to whoever knows the token",
};

const FOREIGN_HOST: HttpRefusal = {
  status: 403,
  error:
    "only http://localhost, http://127.0.0.1 and http://[::1] are answered without a token; for other names set " +
    "OTA_ADMIN_TOKEN",
};

const FOREIGN_SITE: HttpRefusal = { status: 403, error: "another site's page asked for this" };

/** A browser asks for a user, any will do, and takes the password for the token. */
const UNAUTHENTICATED: HttpRefusal = {
  status: 401,
  error: "the token is needed: Authorization: Bearer TOKEN, or Basic with any user and the token as password",
  headers: { "www-authenticate": ['Basic realm="ota-gateway", charset="UTF-8"', 'Bearer realm="ota-gateway"'] },
};

/** For a server that listens on `host`. */
export function createGate(host: string, token?: string): Gate {
  const isOpen = token ? knows(token) : fromThisMachine(host);
  return (headers) => isOpen(headers) ?? (isOfAnotherSite(headers) ? FOREIGN_SITE : undefined);
}

function knows(token: string): Gate {
  const expected = digest(token);
  return ({ authorization = "" }) => {
    const given = tokenIn(authorization);
    // Digests have equal lengths, so that the time it takes tells nothing of the token.
    return given !== undefined && timingSafeEqual(digest(given), expected) ? undefined : UNAUTHENTICATED;
  };
}

function fromThisMachine(host: string): Gate {
  if (!isLoopback(host)) return () => SET_A_TOKEN;
  return (headers) => (isLoopback(hostOf(headers)) ? undefined : FOREIGN_HOST);
}

/**
 * Whether what is open to all is not open to this: on a port that only this machine reaches, another name in `Host` is
 * that of a website which has it lead here, to read in an operator's browser.
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

/** The name that the client knows us by, without port and brackets. */
function hostOf({ host = "" }: IncomingHttpHeaders): string {
  const [, name = ""] = /^(\[[^\]]*\]|[^:]*)(?::\d*)?$/.exec(host) ?? [];
  return name.toLowerCase().replace(/^\[|\]$/g, "");
}

/** Following a link is the user's own doing; loading something from within a page is that page's. */
function isOfAnotherSite(headers: IncomingHttpHeaders): boolean {
  const site = headers["sec-fetch-site"];
  return (site === "cross-site" || site === "same-site") && headers["sec-fetch-mode"] !== "navigate";
}
