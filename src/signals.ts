// The signals that ask a program to end.

/** Resolves at the next SIGINT or SIGTERM, which then does not end the process by itself. */
export function nextSignal(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    const signals = ["SIGINT", "SIGTERM"] as const;
    const heard = (signal: NodeJS.Signals) => {
      for (const each of signals) process.off(each, heard);
      resolve(signal);
    };
    for (const each of signals) process.on(each, heard);
  });
}
