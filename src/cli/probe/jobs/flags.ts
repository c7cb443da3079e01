// The questions about the flags of CancelOTATaskByJob, on a batch that may lose its tasks if the
// documentation is wrong.
import { JOB_QUESTIONS } from "../../../emulator/open-questions.js";
import { words } from "../asker.js";
import { type Bench, FIRST_READS, type JobFinding, type Watched } from "./bench.js";
import type { SacrificialJob } from "./claim.js";
import { EFFECTS, isRefused, type JobQuestion, surprise, within } from "./question.js";
import { isOpen } from "./reading.js";

const RUNNING = "a running upgrade batch with an unfinished task";
const IF_WRONG = "nothing, if it is as documented; otherwise the tasks of that batch may be CANCELED";

export const FLAG_QUESTIONS: readonly JobQuestion[] = [
  {
    answers: ["missingFlags"],
    does: "sends CancelOTATaskByJob without any flag",
    needs: RUNNING,
    changes: IF_WRONG,
    mostCalls: FIRST_READS + 2,
    async ask(bench) {
      bench.learn("missingFlags", missingFlagsOf(await cancelOn(bench, undefined)));
    },
  },
  {
    answers: ["allFlagsFalse"],
    does: "sends CancelOTATaskByJob with five flags that are false",
    needs: RUNNING,
    changes: IF_WRONG,
    mostCalls: FIRST_READS + 2,
    async ask(bench) {
      bench.learn("allFlagsFalse", allFlagsFalseOf(await cancelOn(bench, [])));
    },
  },
];

function cancelOn(bench: Bench, flags: undefined | readonly []): Promise<Watched> {
  const isRunning = ({ kind, status, tasks }: SacrificialJob) =>
    kind !== "verify" && status === "IN_PROGRESS" && tasks.some(isOpen);
  return bench.cancel(bench.pick(RUNNING, isRunning).jobId, flags);
}

/** Interprets a cancel without flags. That it is refused is documented. */
export function missingFlagsOf({ answer, effect }: Watched): JobFinding {
  const { sighting } = answer;
  if (!isRefused(sighting)) return surprise(answer, `${words(sighting)}, and ${EFFECTS[effect]}`);
  const { code } = sighting;
  const choice = JOB_QUESTIONS.missingFlags.choices.find((each) => each === code);
  if (choice === undefined) return surprise(answer, `refused with ${code}, which is no choice of the emulator`);
  return { choice, note: "the code for a cancel without flags", seen: answer };
}

/** Interprets a cancel with five false flags. */
export function allFlagsFalseOf({ answer, effect, watchedMs }: Watched): JobFinding {
  const { sighting } = answer;
  if (isRefused(sighting)) return { choice: "reject", note: "five false flags are refused", seen: answer };
  if (effect === "none") {
    const note = `five false flags are accepted, and nothing is canceled ${within(watchedMs)}`;
    return { choice: "ignore", note, seen: answer };
  }
  return surprise(answer, `${words(sighting)}, and ${EFFECTS[effect]}`);
}
