// Answers the two questions that need a task which may be canceled: whether a refused call cancels
// the rest, and whether one device without a task gets the others refused. A canceled task is used
// up; questions for which no task is left stay open.
import { type Asker, type Sighting, words } from "./asker.js";
import { isUnfinished } from "./jobs/reading.js";
import { type GivenUp, taskStateOf } from "./safety.js";
import { cancelOperation, type Given, type MadeUp } from "./trials.js";

export interface SacrificeSeen {
  /** A device with a task, called together with one that has none. */
  readonly besideIdle?: Sighting;
  /** The state of a task after a call with it was refused. */
  readonly afterRefusal?: "canceled" | "untouched";
}

/** At most one cancel, and one call that reads the state. */
export const CALLS_PER_SACRIFICE = 2;

export interface SacrificeOptions {
  readonly given: Given;
  readonly madeUp: MadeUp;
  readonly asker: Asker;
  /** Called after each cancel, because a task may be lost in it. */
  readonly progress: (line: string) => void;
  /** Whether a device that does not exist gets a call refused. */
  readonly refusesUnknown: boolean;
  /** Whether a call for nothing but the idle device is refused. */
  readonly refusesIdle: boolean;
}

/** Spends as few tasks as the answers need. Throws as the asker does. */
export async function sacrifice(tasks: readonly GivenUp[], options: SacrificeOptions): Promise<SacrificeSeen> {
  const { given, madeUp, asker, progress, refusesUnknown, refusesIdle } = options;
  const left = [...tasks];
  let seen: SacrificeSeen = {};

  const callBeside = async (other: string): Promise<Sighting | undefined> => {
    const task = left[0];
    if (!task) return undefined;
    const { sighting } = await asker.ask(cancelOperation(given, { names: [other, task.deviceName] }));
    // Printed before the state is read, so that a user who stops the probe here knows about the
    // call.
    progress(`a sacrificial device, together with one without a task: ${words(sighting)}`);
    const state = await taskStateOf(task, given, asker);
    progress(`its task is ${state ?? "not found"}`);
    if (!isUnfinished(state)) left.shift();
    // A device that finished in the meantime shows nothing.
    if (sighting.kind === "refused" && (state === "CANCELED" || isUnfinished(state))) {
      seen = { ...seen, afterRefusal: state === "CANCELED" ? "canceled" : "untouched" };
    }
    return sighting;
  };

  if (refusesUnknown) await callBeside(madeUp.deviceNames[0]);
  if (refusesIdle && given.idleDevice !== undefined) {
    const besideIdle = await callBeside(given.idleDevice);
    if (besideIdle) seen = { ...seen, besideIdle };
  }
  return seen;
}
