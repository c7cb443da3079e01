// Makes the vendor's credentials library use proxies. It has no option for that, and its HTTP
// library uses agents of its own, so each request that needs a proxy is given another agent.
import { Agent as HttpAgent } from "node:http";
import { Agent as HttpsAgent } from "node:https";
import { createRequire } from "node:module";
import { throughProxy } from "../network/node-http-agent.js";
import { proxyFor } from "../network/proxy.js";

/** The module that the credentials library makes its calls with, by `httpx.request(…)`. */
interface Httpx {
  request(url: string, options?: object): Promise<unknown>;
}

/** The function as the module brought it; undefined until it has been replaced. */
let direct: Httpx["request"] | undefined;

/** From now on, requests go through the proxies of `environment`. */
export function sendByProxies(environment: Readonly<Record<string, string | undefined>>): void {
  const httpx = loadHttpx();
  direct ??= httpx.request;
  const request = direct;
  httpx.request = (text, options) => {
    const url = new URL(text);
    const proxy = proxyFor(url, environment);
    if (!proxy) return request(text, options);
    const Agent = url.protocol === "https:" ? HttpsAgent : HttpAgent;
    return request(text, { ...options, agent: new Agent(throughProxy(proxy)) });
  };
}

/** Loads the copy that the credentials library uses. */
function loadHttpx(): Httpx {
  const library = createRequire(import.meta.url).resolve("@alicloud/credentials");
  return createRequire(library)("httpx") as Httpx;
}
