// Filters the warnings that Node prints on a user's terminal.

/** An IP address as the server name of TLS. gRPC sets it, and the user cannot change that. */
const NOT_FOR_USERS = "DEP0123";

/** Suppresses that warning, and passes all others to their previous listeners. */
export function quietNodeWarnings(): void {
  const listeners = process.listeners("warning");
  process.removeAllListeners("warning");
  process.on("warning", (warning: NodeJS.ErrnoException) => {
    if (warning.code === NOT_FOR_USERS) return;
    for (const listener of listeners) listener(warning);
  });
}
