// Decides which hosts can be reached from this machine only.

/** Whether it is a name or address of the loopback; an IPv6 address may be in brackets. */
export function isLoopback(host: string): boolean {
  return host === "localhost" || /^(::1|\[::1\])$/.test(host) || /^127(\.\d{1,3}){3}$/.test(host);
}
