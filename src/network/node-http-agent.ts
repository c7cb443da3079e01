// Options of node:http's agents, for libraries that make their calls with one. Node would choose a
// proxy by rules of its own, so it is given the one that the gateway has chosen.
import type { AgentOptions } from "node:https";

/** Everything goes through this proxy. */
export function throughProxy(proxy: URL | undefined): AgentOptions {
  return proxy ? { proxyEnv: { HTTP_PROXY: proxy.href, HTTPS_PROXY: proxy.href } } : {};
}
