// The two questions that only a task which may be cancelled can answer: whether a refused call cancels the rest, and
// whether one device without a task gets the others refused. A task is used up when it is cancelled; what cannot be
// asked with those that are left stays open.
import { type Asker, type Sighting, words } from "./asker.js";
import { type GivenUp, isUnfinished, taskStateOf } from "./safety.js";
import { cancelOperation, type Given, type MadeUp } from "./trials.js";

export interface SacrificeSeen {
  /** A device with a task, called together with one that has none. */
  readonly besideIdle?: Sighting;
  /** What became of a task in a call that was refused. */
  readonly afterRefusal?: "canceled" | "untouched";
}

/** What each takes at the most: one call, and one that reads the state. */
export const CALLS_PER_SACRIFICE = 2;

export interface SacrificeOptions {
  readonly given: Given;
  readonly madeUp: MadeUp;
  readonly asker: Asker;
  /** Told of each call, for a task may be lost in it. */
  readonly progress: (line: string) => void;
  /** That a device which does not exist gets a call refused. */
  readonly refusesUnknown: boolean;
  /** That a call for nothing but the idle device is refused. */
  readonly refusesIdle: boolean;
}

/** Spends as few of the tasks as the answers need. Throws as the asker does. */
export async function sacrifice(tasks: readonly GivenUp[], options: SacrificeOptions): Promise<SacrificeSeen> {
  const { given, madeUp, asker, progress, refusesUnknown, refusesIdle } = options;
  const left = [...tasks];
  let seen: SacrificeSeen = {};

  const callBeside = async (other: string): Promise<Sighting | undefined> => {
    const task = left[0];
    if (!task) return undefined;
    const { sighting } = await asker.ask(cancelOperation(given, { names: [other, task.deviceName] }));
    // Before the state is read: whoever ends the probe here is to know that there was a call.
    progress(`a device that was given up, beside one without a task: ${words(sighting)}`);
    const state = await taskStateOf(task, given, asker);
    progress(`its task is ${state ?? "not to be found"}`);
    if (!isUnfinished(state)) left.shift();
    // A device that finished meanwhile shows nothing.
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
