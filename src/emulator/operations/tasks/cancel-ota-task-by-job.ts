// CancelOTATaskByJob: cancels the tasks of a batch that are in the given states. A planned batch
// has only scheduled tasks, whatever their state. It is a guess that a static batch with nothing
// left becomes CANCELED by this, rather than COMPLETED.
import { missingParameter } from "../../protocol/errors.js";
import type { TaskState } from "../../state/task-state.js";
import { findJob } from "../lookups.js";
import { ANY_METHOD, operation } from "../operation.js";
import { readFlag, required, text } from "../readers.js";

export const cancelOtaTaskByJob = operation({
  callsPerSecond: 5,
  methods: ANY_METHOD,
  parameters: {
    JobId: required(text()),
    CancelScheduledTask: readFlag(),
    CancelQueuedTask: readFlag(),
    CancelInProgressTask: readFlag(),
    CancelNotifiedTask: readFlag(),
    CancelUnconfirmedTask: readFlag(),
  },
  carryOut({ JobId, CancelScheduledTask, ...asked }, { platform }) {
    const job = findJob(platform, JobId);
    const { CancelQueuedTask, CancelInProgressTask, CancelNotifiedTask, CancelUnconfirmedTask } = asked;
    const given = [CancelScheduledTask, ...Object.values(asked)].some((value) => value !== undefined);
    // That one must be given is documented; the code is a guess.
    if (!given) throw missingParameter("CancelQueuedTask");
    const scheduled = job.status === "PLANNED";
    const canceled: Partial<Record<TaskState, boolean | undefined>> = scheduled
      ? { CONFIRM: CancelScheduledTask, QUEUED: CancelScheduledTask }
      : {
          // Documented: by default, tasks to be confirmed are treated like queued ones.
          CONFIRM: CancelUnconfirmedTask ?? CancelQueuedTask,
          QUEUED: CancelQueuedTask,
          NOTIFIED: CancelNotifiedTask,
          IN_PROGRESS: CancelInProgressTask,
        };
    const { tasks } = platform;
    const nowMs = platform.now();
    const { unfinished } = job;
    for (let place = 0; place < job.tasks.size; place++) {
      const task = job.tasks.at(place);
      if (canceled[tasks.stateOf(task)]) tasks.move(task, "CANCELED", nowMs);
    }
    const ended = unfinished > 0 && job.unfinished === 0 && job.traits.selection === "STATIC";
    if (ended) job.end("CANCELED", nowMs);
    return {};
  },
});
