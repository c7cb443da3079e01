// CancelOTATaskByJob: cancels the tasks of a job that are in the states of its flags, at once or
// some time after its arrival. The states of the flags are documented, except for jobs that are
// still PLANNED; no code is documented at all.
import { missingParameter, serviceError } from "../../protocol/errors.js";
import { cancelJobTasks, type States } from "../../state/cancel-job.js";
import type { Job } from "../../state/job.js";
import { findJob } from "../lookups.js";
import { ANY_METHOD, operation, type Service } from "../operation.js";
import { readFlag, required, text } from "../readers.js";

interface Flags {
  readonly CancelScheduledTask: boolean | undefined;
  readonly CancelQueuedTask: boolean | undefined;
  readonly CancelInProgressTask: boolean | undefined;
  readonly CancelNotifiedTask: boolean | undefined;
  readonly CancelUnconfirmedTask: boolean | undefined;
}

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
  carryOut({ JobId, ...flags }, service) {
    const job = findJob(service.platform, JobId);
    check(job, flags, service);
    cancelJobTasks(service.platform, job, (of) => statesOf(of, flags, service), {
      emptied: service.openQuestions.emptiedJob,
      delayMs: service.byJobDelayMs,
      inPortions: service.openQuestions.byJobApplied === "in-portions",
    });
    return {};
  },
});

/** Throws the refusal of a call that may not be carried out. */
function check(job: Job, flags: Flags, { openQuestions }: Service): void {
  const { missingFlags, allFlagsFalse, canceledJob, verifyJob } = openQuestions;
  const given = Object.values(flags).filter((value) => value !== undefined);
  // That a flag must be given is documented.
  if (given.length === 0 || (allFlagsFalse === "reject" && !given.includes(true))) {
    throw missingFlags === "MissingCancelQueuedTask"
      ? missingParameter("CancelQueuedTask")
      : serviceError(missingFlags);
  }
  if (canceledJob === "reject" && job.status === "CANCELED") throw serviceError("iot.ota.JobCanceled");
  if (verifyJob === "reject" && job.traits.type === "VERIFY_FIRMWARE") throw serviceError("iot.ota.InvalidJobId");
}

/** The states whose tasks are canceled, in the status that the job has at that moment. */
function statesOf({ status, traits }: Job, flags: Flags, { openQuestions }: Service): States {
  const { CancelScheduledTask, CancelQueuedTask, CancelInProgressTask, CancelNotifiedTask } = flags;
  // Documented: by default, tasks to be confirmed are treated like queued ones.
  const CancelUnconfirmedTask = flags.CancelUnconfirmedTask ?? CancelQueuedTask;
  if (status === "PLANNED") {
    const { plannedTasks } = openQuestions;
    const scheduled = plannedTasks !== "queued" && CancelScheduledTask;
    const queued = plannedTasks !== "scheduled";
    return {
      CONFIRM: scheduled || (queued && CancelUnconfirmedTask),
      QUEUED: scheduled || (queued && CancelQueuedTask),
    };
  }
  const whole =
    openQuestions.scheduledFlag === "whole-job" && traits.scheduleMs !== undefined && CancelScheduledTask === true;
  return {
    CONFIRM: whole || CancelUnconfirmedTask,
    QUEUED: whole || CancelQueuedTask,
    NOTIFIED: whole || CancelNotifiedTask,
    IN_PROGRESS: whole || CancelInProgressTask,
  };
}
