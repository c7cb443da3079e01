// Explains why an address cannot be listened on. The system's error names neither the setting nor
// the remedy.

const ADVICE: Readonly<Record<string, string>> = {
  EADDRINUSE: "stop the program that listens there, or set another port",
  EADDRNOTAVAIL: "set an address of this machine",
  ENOTFOUND: "set an address of this machine",
  EACCES: "set a port that this user may listen on, such as 1024 or above",
};

/** Rethrows the error of listening on the address in `setting`, reworded for the operator. */
export function listenTrouble(setting: string): (error: NodeJS.ErrnoException) => never {
  return (error) => {
    const advice = ADVICE[error.code ?? ""];
    throw advice ? new Error(`${setting}: ${error.message}; ${advice}`, { cause: error }) : error;
  };
}
