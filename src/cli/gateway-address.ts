// Reads the address of a gateway, or of several replicas, from the flag or the variable that holds
// it. Says at once what is wrong with it: a connection would fail seconds later, with another
// reason.
import { hostPortAdvice, parseHostPort } from "../base/host-port.js";

export const DEFAULT_ADDRESS = "127.0.0.1:50051";

/** Forms of gRPC that say how to resolve what follows. */
const GRPC_TARGET = /^(dns|ipv4|ipv6|unix|unix-abstract|xds):./;

/** The target to connect to. Calls `misuse` with what is wrong, which follows the flag. */
export function gatewayTarget(text: string, misuse: (wrong: string) => never): string {
  const parts = text.split(",").map((each) => each.trim());
  const hosts = parts.map(hostOf);
  if (hosts.length === 1 && hosts[0] !== undefined) return parts[0] as string;
  if (GRPC_TARGET.test(text) && !/\s/.test(text)) return text;
  const wrong = parts.find((_, index) => hosts[index] === undefined);
  if (wrong !== undefined) {
    const tls = /^(https|grpcs):/i.test(wrong) ? "; for TLS, give --tls" : "";
    return misuse(`${wrong} is not host:port: ${hostPortAdvice(wrong, DEFAULT_ADDRESS)}${tls}`);
  }
  if (hosts.every((host) => /^\d+(\.\d+){3}$/.test(host ?? ""))) return `ipv4:${parts.join(",")}`;
  if (hosts.every((host) => host?.includes(":"))) return `ipv6:${parts.join(",")}`;
  return misuse(
    `${text} names several hosts, which works for IP addresses of one kind only; give one name of DNS that stands for them all`,
  );
}

function hostOf(text: string): string | undefined {
  const { host, port } = parseHostPort(text) ?? {};
  return port === 0 ? undefined : host; // 0 is for listening only
}
