// The flags of a CancelOTATaskByJob for the asked-for states. All five are always given, and never
// all false: the default of a missing flag differs from flag to flag.
import type { JobFlags, OpenState } from "./job-operator.js";

/** `confirmable`: how many tasks wait for a confirmation; undefined if that was not counted. */
export function flagsOfStates(
  states: ReadonlySet<OpenState>,
  batch: { readonly isPlanned: boolean; readonly confirmable: number | undefined },
): JobFlags {
  const [queued, unconfirmed] = [states.has("QUEUED"), states.has("CONFIRM")];
  const [notified, inProgress] = [states.has("NOTIFIED"), states.has("IN_PROGRESS")];
  const isEveryState = queued && unconfirmed && notified && inProgress;
  // In a scheduled batch that has begun, this flag may reach every state, and in a planned one also
  // tasks that wait for a confirmation.
  const isOnlyQueued = unconfirmed || batch.confirmable === 0;
  const scheduled = isEveryState || (queued && batch.isPlanned && isOnlyQueued);
  return { scheduled, queued, inProgress, notified, unconfirmed };
}
