// An address that cannot be listened at: the system's words name neither the setting nor what to do.

const ADVICE: Readonly<Record<string, string>> = {
  EADDRINUSE: "end what listens there, or set another port",
  EADDRNOTAVAIL: "set an address of this machine",
  ENOTFOUND: "set an address of this machine",
  EACCES: "set a port that this user may listen at, such as one from 1024 on",
};

/** For a promise of listening at the address of `setting`: throws its error again, in words for the operator. */
export function listenTrouble(setting: string): (error: NodeJS.ErrnoException) => never {
  return (error) => {
    const advice = ADVICE[error.code ?? ""];
    throw advice ? new Error(`${setting}: ${error.message}; ${advice}`, { cause: error }) : error;
  };
}
