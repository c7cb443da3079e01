// Decides what happens when output cannot be written: the reader of a pipe has left, a disk is
// full, a terminal is closed. Node reports it by an event after the write, and prints a stack if
// there is no listener.

/**
 * Makes a write error end the program: quietly if the reader has seen enough, with one line and
 * exit code 1 otherwise.
 */
export function endWithStandardOutput(): void {
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    endIfReaderHasLeft(error);
    process.stderr.write(`error: standard output cannot be written: ${error.message}\n`);
    process.exit(1);
  });
  // Nobody is left to read an error, and the work under way is still worth finishing.
  process.stderr.on("error", () => {});
}

/** Ends the program, with the exit code that has been set for what was done. */
export function endIfReaderHasLeft(error: unknown): void {
  if ((error as NodeJS.ErrnoException | undefined)?.code === "EPIPE") process.exit();
}

/** For programs that go on whether their output is read or not. */
export function outliveStandardOutput(): void {
  process.stdout.removeAllListeners("error");
  process.stdout.on("error", () => {});
}
