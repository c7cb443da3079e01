// What happens when what is printed cannot be written: the reader of a pipe has left, a disk is full, a terminal is
// closed. Node tells of it by an event, after the call that wrote, and prints a stack if nobody listens.

/** From here on it ends the program: quietly for a reader who has seen enough, with one line and 1 for all else. */
export function endWithStandardOutput(): void {
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code === "EPIPE") process.exit(); // with the exit code that has been set for what was done
    process.stderr.write(`error: standard output cannot be written: ${error.message}\n`);
    process.exit(1);
  });
  // There is nobody left to tell, and what is under way is not less worth.
  process.stderr.on("error", () => {});
}

/** For what goes on whether anybody reads or not. */
export function outliveStandardOutput(): void {
  process.stdout.removeAllListeners("error");
  process.stdout.on("error", () => {});
}
