// Reads the batches of a firmware, for the commands that begin with that. Says so if it takes long.
import { type Clock, systemClock } from "../base/clock.js";
import type { Client, Rollout, RolloutRequest } from "../client/client.js";

/** Forty batches take about half a minute. */
const ANSWER_MS = 45_000;

const SILENT_MS = 2000;

/** Where it is said, and the clock that tells when. */
interface Surroundings {
  readonly clock?: Clock;
  readonly screen?: { write(text: string): unknown };
}

export async function awaitRollout(
  client: Pick<Client, "rollout">,
  request: RolloutRequest,
  { clock = systemClock, screen = process.stderr }: Surroundings = {},
): Promise<Rollout> {
  const disarm = clock.at(clock.now() + SILENT_MS, () => {
    screen.write("reading the batches, and how many tasks are in which state; forty take about half a minute …\n");
  });
  try {
    return await client.rollout(request, { timeoutMs: ANSWER_MS });
  } finally {
    disarm();
  }
}
