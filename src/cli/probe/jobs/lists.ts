// The questions that change nothing: how lists are cut, ordered and counted, whether they agree,
// and how a batch that does not exist is refused.
import { type ProbeAnswer, words } from "../asker.js";
import { makeUp } from "../trials.js";
import { type Bench, CannotTell } from "./bench.js";
import { cancelByJob, closeStrategy, listJobs, listTasks, listUnfinished, queryJob } from "./calls.js";
import { ALL_FLAGS, type JobQuestion } from "./question.js";
import { EVERY_STATE, isOpen, readProbedTasks } from "./reading.js";

const ANY_JOB = "any sacrificial batch";
const NOTHING = "nothing";

export const LIST_QUESTIONS: readonly JobQuestion[] = [
  {
    answers: ["pageSize"],
    does: "lists the tasks of a batch without a page size",
    needs: ANY_JOB,
    changes: NOTHING,
    mostCalls: 1,
    async ask(bench) {
      const { jobId } = bench.pick(ANY_JOB, () => true);
      const { pageSize } = await bench.page(jobId, {});
      if (pageSize === undefined) throw new CannotTell("undecided: the answer does not state its page size");
      bench.learn("pageSize", { answer: String(pageSize), note: "the page size of ListOTATaskByJob without one" });
    },
  },
  {
    answers: ["taskOrder", "jobOrder"],
    does: "compares the order of the lists with the times of creation",
    needs: "several tasks, and several batches of a package, created in different seconds",
    changes: NOTHING,
    mostCalls: 0,
    async ask({ jobs, lists, learn }) {
      learn(
        "taskOrder",
        orderOf(
          "ListOTATaskByJob",
          jobs.map(({ tasks }) => tasks.map(({ created }) => created)),
        ),
      );
      learn(
        "jobOrder",
        orderOf(
          "ListOTAJobByFirmware",
          lists.map((list) => list.map(({ created }) => created)),
        ),
      );
    },
  },
  {
    answers: ["totalByState"],
    does: "compares the sum of Total over the seven states with Total",
    needs: "a batch with tasks",
    changes: NOTHING,
    mostCalls: EVERY_STATE.length + 1,
    ask: askTotals,
  },
  {
    answers: ["listsAgree"],
    does: "compares ListOTATaskByJob with ListOTAUnfinishedTaskByDevice, twice",
    needs: "a batch with an unfinished task",
    changes: NOTHING,
    mostCalls: 4,
    ask: askWhetherListsAgree,
  },
  {
    answers: ["unknownJob"],
    does: "sends five operations a made-up batch or package",
    needs: NOTHING,
    changes: NOTHING,
    mostCalls: 5,
    ask: askUnknownJob,
  },
];

/** Interprets the times of creation in some lists. */
export function orderOf(action: string, lists: readonly (readonly string[])[]) {
  const told = lists.filter((times) => new Set(times).size > 1);
  const rises = (times: readonly string[]) => times.every((time, at) => at === 0 || (times[at - 1] ?? "") <= time);
  const falls = (times: readonly string[]) => rises([...times].reverse());
  if (told.length === 0) return { note: "undecided: no two rows with different times of creation" };
  if (told.every(rises)) return { answer: "oldest first", note: `the rows of ${action}, by time of creation` };
  if (told.every(falls)) return { answer: "newest first", note: `the rows of ${action}, by time of creation` };
  return { answer: "neither", note: `${action} is not ordered by time of creation` };
}

async function askTotals(bench: Bench): Promise<void> {
  const { jobId } = bench.pick("a batch with tasks", ({ tasks }) => tasks.length > 0);
  const { total } = await bench.page(jobId, { pageSize: 1 });
  let sum = 0;
  for (const state of EVERY_STATE) sum += (await bench.page(jobId, { pageSize: 1, state })).total ?? Number.NaN;
  if (total === undefined || Number.isNaN(sum)) throw new CannotTell("undecided: an answer has no Total");
  const note = `the states sum up to ${sum}, Total without a state is ${total}`;
  bench.learn("totalByState", { answer: sum === total ? "follows" : "differs", note });
}

async function askWhetherListsAgree(bench: Bench): Promise<void> {
  const job = bench.pick("a batch with an unfinished task", ({ tasks }) => tasks.some(isOpen));
  const deviceName = job.tasks.find(isOpen)?.deviceName ?? "";
  const pairs: (readonly [string, string])[] = [];
  for (let round = 0; round < 2; round++) {
    const ofJob = (await bench.page(job.jobId, { pageSize: 1, deviceName })).tasks[0]?.state ?? "no task";
    const { body } = await bench.send(listUnfinished(deviceName, bench.given));
    const ofDevice = readProbedTasks(body)?.tasks.find(({ jobId }) => jobId === job.jobId)?.state ?? "no task";
    pairs.push([ofJob, ofDevice]);
  }
  const equal = pairs.filter(([ofJob, ofDevice]) => ofJob === ofDevice).length;
  const note = `by batch and by device: ${pairs.map((pair) => pair.join(" and ")).join(", then ")}`;
  // A task that moves on between two readings makes them differ once.
  bench.learn("listsAgree", equal === 1 ? { note: `undecided: ${note}` } : { answer: equal > 0 ? "yes" : "no", note });
}

async function askUnknownJob(bench: Bench): Promise<void> {
  const { given } = bench;
  const { jobId, firmwareId } = makeUp();
  const calls = [
    queryJob(jobId, given),
    listTasks(jobId, given),
    listJobs(firmwareId, given),
    closeStrategy(jobId, given),
    cancelByJob(jobId, ALL_FLAGS, given),
  ];
  const seen: (ProbeAnswer & { readonly action: string })[] = [];
  for (const call of calls) seen.push({ action: call.action, ...(await bench.send(call)) });
  const distinct = [...new Set(seen.map(({ sighting }) => words(sighting)))];
  const withAnswer = (answer: string) => seen.filter(({ sighting }) => words(sighting) === answer);
  const cancel = seen.at(-1);
  bench.learn("unknownJob", {
    answer: distinct.length === 1 ? "the same for all" : "differs",
    note: distinct
      .map(
        (answer) =>
          `${answer} from ${withAnswer(answer)
            .map(({ action }) => action)
            .join(", ")}`,
      )
      .join("; "),
    ...(cancel && { seen: cancel }),
  });
}
