// Which hosts only this machine can reach.

/** Whether it is one of the loopback's names or addresses; an IPv6 address may stand in brackets. */
export function isLoopback(host: string): boolean {
  return host === "localhost" || /^(::1|\[::1\])$/.test(host) || /^127(\.\d{1,3}){3}$/.test(host);
}
