// The signals that ask a program to end.

const ENDING: readonly NodeJS.Signals[] = ["SIGINT", "SIGTERM"];

/** Resolves at the next of these signals, by default SIGINT or SIGTERM; it does not end the process by itself. */
export function nextSignal(signals = ENDING): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    const heard = (signal: NodeJS.Signals) => {
      for (const each of signals) process.off(each, heard);
      resolve(signal);
    };
    for (const each of signals) process.on(each, heard);
  });
}

/** Also at SIGHUP, of a terminal that is closed. It is told by the shell and by the system: the second ends nothing. */
export function nextSignalOrHangup(): Promise<NodeJS.Signals> {
  process.on("SIGHUP", () => {}); // stays: a signal that nobody listens for ends the process
  return nextSignal([...ENDING, "SIGHUP"]);
}
