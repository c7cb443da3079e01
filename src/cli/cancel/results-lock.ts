// Keeps two runs from writing one results file: the second would cut off the line that the first is
// writing, and cancel for the same devices. The lock is a symbolic link beside the file that names
// its process, so it is made in one step, and needs no room on a full disk.
import { readlinkSync, symlinkSync, unlinkSync } from "node:fs";
import { hostname } from "node:os";
import { visible } from "../../base/visible-text.js";

/** Another run has the file. */
export class ResultsInUse extends Error {
  override readonly name = "ResultsInUse";
}

/** Locks the file until the process ends, once in a process. Throws ResultsInUse. */
export function lockResults(file: string): void {
  const lock = `${file}.lock`;
  const own = `${hostname()}:${process.pid}`;
  for (;;) {
    try {
      symlinkSync(own, lock);
      process.once("exit", () => removed(lock));
      return;
    } catch (error) {
      // Elsewhere the file is opened without a lock: no links here, or no such folder.
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") return;
    }
    const holder = holderOf(lock);
    if (holder === undefined) continue;
    // A container that was started again may have the name and the number of its predecessor.
    if (!(holder === own || isGone(holder)) || !removed(lock)) {
      throw new ResultsInUse(
        `${file} is being written by another run (${visible(holder)}); wait for it, or delete ${lock} if there is no such run`,
      );
    }
  }
}

/** Undefined if it is gone already. */
function holderOf(lock: string): string | undefined {
  try {
    return readlinkSync(lock);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "ENOENT" ? undefined : "unknown";
  }
}

/** Whether the process was on this machine and has ended, as after a kill. */
function isGone(holder: string): boolean {
  const [, host, pid] = /^(.*):(\d+)$/.exec(holder) ?? [];
  if (host !== hostname()) return false;
  try {
    process.kill(Number(pid), 0);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "ESRCH";
  }
}

function removed(lock: string): boolean {
  try {
    unlinkSync(lock);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "ENOENT";
  }
}
