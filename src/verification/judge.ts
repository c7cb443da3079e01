// Decides what a device's tasks say about its cancel. Pure. It claims only what the list said when
// it was read: a task that can still progress gives no outcome, because it is unknown how soon a
// cancel shows.
import type { DeviceOutcome } from "../gateway/device-outcome.js";
import type { Failure } from "../gateway/failures.js";
import { notVerified } from "./not-verified.js";
import type { ListedTask } from "./task-reader.js";

/** The verdict on one device. */
export type Judgment =
  | { readonly kind: "known"; readonly outcome: DeviceOutcome }
  /** One of its tasks can still progress. */
  | { readonly kind: "unfinished"; readonly state: string };

const CANCELED: Judgment = { kind: "known", outcome: { kind: "verified-canceled" } };
const FINISHED: Judgment = { kind: "known", outcome: { kind: "already-finished" } };
const NONE: Judgment = { kind: "known", outcome: { kind: "no-task" } };

/**
 * A device missing from a list of unfinished tasks was canceled, has finished, or never had a task.
 */
const NONE_LEFT: Failure = notVerified(
  "it has no unfinished task left; set job_id to learn whether it was canceled or had finished",
);
const NONE_UNFINISHED: Judgment = { kind: "known", outcome: { kind: "no-task", unverified: NONE_LEFT } };

/** The final states of a task. Tasks in an unknown state may still progress. */
const OVER: ReadonlyMap<string, Judgment> = new Map([
  ["CANCELED", CANCELED],
  ["SUCCEEDED", FINISHED],
  ["FAILED", FINISHED],
]);

/**
 * Judges the tasks of one device. All of them belong to the firmware and batch that were to be
 * canceled. `complete`: the list also includes finished tasks.
 */
export function judge(tasks: readonly ListedTask[], complete: boolean): Judgment {
  const goingOn = tasks.find(({ state }) => !OVER.has(state));
  if (goingOn) return { kind: "unfinished", state: goingOn.state };
  // A dynamic batch takes a device in up to ten times; it is open whether each time has a task of
  // its own. If so, the last one counts.
  const last = tasks.reduce<ListedTask | undefined>((a, b) => (a && !isLater(b, a) ? a : b), undefined);
  return (last && OVER.get(last.state)) ?? (complete ? NONE : NONE_UNFINISHED);
}

/** Whether `a` was created after `b`. In doubt, the task that claims less counts as later. */
function isLater(a: ListedTask, b: ListedTask): boolean {
  return a.created === b.created ? a.state !== "CANCELED" : a.created > b.created;
}
