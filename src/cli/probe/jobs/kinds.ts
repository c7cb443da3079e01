// The questions about operations on a kind of batch that their documentation does not describe:
// closing the strategy of a static batch, and canceling a verification by batch.
import { words } from "../asker.js";
import { FIRST_READS, type JobFinding, MOST_READS, type Watched } from "./bench.js";
import { closeStrategy } from "./calls.js";
import type { SacrificialJob } from "./claim.js";
import { effectOf } from "./effect.js";
import { ALL_FLAGS, EFFECTS, isRefused, type JobQuestion, surprise } from "./question.js";
import { isOpen } from "./reading.js";

const STATIC = "a static batch, best a running one with an unfinished task";
const VERIFICATION = "a verification batch with an unfinished task";

export const STRATEGY_OF_STATIC: JobQuestion = {
  answers: ["strategyOfStatic"],
  does: "sends CancelOTAStrategyByJob for a static batch",
  needs: STATIC,
  changes: "nothing, if it is as documented; otherwise the batch may be closed",
  mostCalls: FIRST_READS + 4,
  async ask(bench) {
    const isRunning = ({ kind, status, tasks }: SacrificialJob) =>
      kind === "static" && status === "IN_PROGRESS" && tasks.some(isOpen);
    const { jobId } = bench.jobs.find(isRunning) ?? bench.pick(STATIC, ({ kind }) => kind === "static");
    const [status, before] = [await bench.statusOf(jobId), await bench.tasksOf(jobId)];
    const answer = await bench.change(closeStrategy(jobId, bench.given));
    if (isRefused(answer.sighting)) {
      return bench.learn("strategyOfStatic", strategyOfStaticOf({ answer, effect: "none" }, false));
    }
    const after = await bench.watch(
      () => bench.tasksOf(jobId),
      (tasks) => ["all", "some"].includes(effectOf(before, tasks)),
    );
    const isChanged = (await bench.statusOf(jobId)) !== status;
    bench.learn("strategyOfStatic", strategyOfStaticOf({ answer, effect: effectOf(before, after) }, isChanged));
  },
};

export const VERIFY_JOB: JobQuestion = {
  answers: ["verifyJob"],
  does: "sends CancelOTATaskByJob with five true flags for a verification",
  needs: VERIFICATION,
  changes: "may CANCEL every task of that batch",
  mostCalls: MOST_READS + 2,
  async ask(bench) {
    const isVerifying = ({ kind, tasks }: SacrificialJob) => kind === "verify" && tasks.some(isOpen);
    bench.learn("verifyJob", worksOf(await bench.cancel(bench.pick(VERIFICATION, isVerifying).jobId, ALL_FLAGS)));
  },
};

/** `isChanged`: the status of the batch changed with the call. */
export function strategyOfStaticOf({ answer, effect }: Omit<Watched, "watchedMs">, isChanged: boolean): JobFinding {
  const { sighting } = answer;
  if (isRefused(sighting)) return { choice: "reject", note: "closing a static batch is refused", seen: answer };
  if (isChanged) return surprise(answer, `${words(sighting)}, and the status of the static batch changed`);
  if (effect === "all" || effect === "some") return surprise(answer, `${words(sighting)}, and ${EFFECTS[effect]}`);
  return { choice: "ignore", note: "closing a static batch is accepted without effect", seen: answer };
}

/** Interprets a cancel by batch with all flags, where it is open whether it works at all. */
export function worksOf({ answer, effect }: Watched): JobFinding {
  const { sighting } = answer;
  if (isRefused(sighting)) return { choice: "reject", note: "the cancel is refused", seen: answer };
  if (effect === "all")
    return { choice: "works", note: "the cancel is accepted, and the tasks are CANCELED", seen: answer };
  return surprise(answer, `${words(sighting)}, and ${EFFECTS[effect]}`);
}
