// Says in words what a stop will do with a batch, by what was read of it. The gateway decides by
// its own reading.
import type { RolloutJob, StopRequest } from "../../client/client.js";

const COUNTS = { CONFIRM: "confirm", QUEUED: "queued", NOTIFIED: "notified", IN_PROGRESS: "inProgress" } as const;

/** Statuses of batches that have ended. As at the gateway, an unknown word counts as open. */
const OVER: ReadonlySet<string> = new Set(["COMPLETED", "COMPLETE", "CANCELED"]);

/** Empty for a batch that is not touched. */
export function planFor(job: RolloutJob, { states, keepStrategies }: StopRequest): string[] {
  const asked = Object.entries(COUNTS).filter(
    ([state]) => !states?.length || (states as readonly string[]).includes(state),
  );
  const counts = asked.map(([, count]) => job.counts[count]);
  const open = counts.reduce<number>((sum, count) => sum + (count ?? 0), 0);
  if (open === 0 && OVER.has(job.status)) return [];
  const close = job.kind === "DYNAMIC" && job.status !== "CANCELED" && !keepStrategies;
  return [
    ...(close ? ["close it to new devices"] : []),
    job.kind === "VERIFY" ? "cancel its devices one by one" : "cancel all its tasks by one call",
  ];
}
