// Decides what a call did to the tasks of a batch, from two readings of them. Only tasks that were
// unfinished before count, and only CANCELED counts as canceled.
import { isOpen, type ProbedTask } from "./reading.js";

/** `unknown`: no task could be canceled before, or all ended in another way. */
export type Effect = "all" | "some" | "none" | "unknown";

export function effectOf(before: readonly ProbedTask[], after: readonly ProbedTask[]): Effect {
  const { canceled, open } = splitOf(before, after);
  if (canceled === 0) return open > 0 ? "none" : "unknown";
  return open > 0 ? "some" : "all";
}

/** How many of the tasks that were unfinished before are now canceled, or still unfinished. */
export function splitOf(before: readonly ProbedTask[], after: readonly ProbedTask[]) {
  const now = new Map(after.map((task) => [task.key, task]));
  // A task that is no longer listed counts as ended in another way.
  const later = before.filter(isOpen).flatMap(({ key }) => now.get(key) ?? []);
  return {
    canceled: later.filter(({ state }) => state === "CANCELED").length,
    open: later.filter(isOpen).length,
  };
}
