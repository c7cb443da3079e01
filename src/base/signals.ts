// Waits for the signals that ask a program to end.

const ENDING: readonly NodeJS.Signals[] = ["SIGINT", "SIGTERM"];

/**
 * Resolves at the next of these signals, by default SIGINT or SIGTERM. The process does not end by
 * itself then.
 */
export function nextSignal(signals = ENDING): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    const heard = (signal: NodeJS.Signals) => {
      for (const each of signals) process.off(each, heard);
      resolve(signal);
    };
    for (const each of signals) process.on(each, heard);
  });
}

/**
 * Like `nextSignal`, but also at the SIGHUP of a closing terminal. Shell and system both send it;
 * the second one is ignored.
 */
export function nextSignalOrHangup(): Promise<NodeJS.Signals> {
  process.on("SIGHUP", () => {}); // stays: a signal without a listener ends the process
  return nextSignal([...ENDING, "SIGHUP"]);
}
