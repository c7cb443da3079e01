// What the tasks of one device say about its cancel. Pure. It claims only what the list said when it was read: a task
// that can still go on is none of the three outcomes, for nobody knows how soon a cancel shows.
import type { Failure } from "../gateway/errors.js";
import type { ListedTask } from "../gateway/task-reader.js";
import type { DeviceOutcome } from "../gateway/waiter.js";
import { notVerified } from "./not-verified.js";

/** What the list says of one device. */
export type Judgment =
  | { readonly kind: "known"; readonly outcome: DeviceOutcome }
  /** A task of it can still go on. */
  | { readonly kind: "unfinished"; readonly state: string };

const CANCELED: Judgment = { kind: "known", outcome: { kind: "verified-canceled" } };
const FINISHED: Judgment = { kind: "known", outcome: { kind: "already-finished" } };
const NONE: Judgment = { kind: "known", outcome: { kind: "no-task" } };

/** From a list of what is unfinished, who is missing may have been canceled, have finished, or never had a task. */
const NONE_LEFT: Failure = notVerified(
  "it has no unfinished task left; without job_id the upstream does not tell whether it was canceled or had finished",
);
const NONE_UNFINISHED: Judgment = { kind: "known", outcome: { kind: "no-task", unverified: NONE_LEFT } };

/** The states in which nothing happens to a task any more. A state that is not known may go on. */
const OVER: ReadonlyMap<string, Judgment> = new Map([
  ["CANCELED", CANCELED],
  ["SUCCEEDED", FINISHED],
  ["FAILED", FINISHED],
]);

/**
 * All of them are tasks of the device, of the package and batch that were to be cancelled; `complete` if tasks that
 * are over were listed as well.
 */
export function judge(tasks: readonly ListedTask[], complete: boolean): Judgment {
  const goingOn = tasks.find(({ state }) => !OVER.has(state));
  if (goingOn) return { kind: "unfinished", state: goingOn.state };
  // A batch has one task for a device, as far as is documented. If it has more, the last one counts.
  const last = tasks.reduce<ListedTask | undefined>((a, b) => (a && !isLater(b, a) ? a : b), undefined);
  return (last && OVER.get(last.state)) ?? (complete ? NONE : NONE_UNFINISHED);
}

/** In doubt the one that claims less. */
function isLater(a: ListedTask, b: ListedTask): boolean {
  return a.created === b.created ? a.state !== "CANCELED" : a.created > b.created;
}
