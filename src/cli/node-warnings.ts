// What Node itself warns of, to somebody at a terminal.

/** An address without a name as the server's name of TLS: gRPC gives it, and nobody who reads this can change that. */
const NOT_FOR_USERS = "DEP0123";

/** Leaves that one out, and all others to whom they went before. */
export function quietNodeWarnings(): void {
  const listeners = process.listeners("warning");
  process.removeAllListeners("warning");
  process.on("warning", (warning: NodeJS.ErrnoException) => {
    if (warning.code === NOT_FOR_USERS) return;
    for (const listener of listeners) listener(warning);
  });
}
