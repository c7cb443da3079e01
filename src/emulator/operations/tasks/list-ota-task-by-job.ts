// ListOTATaskByJob: lists the tasks of a batch in the order of creation, optionally of one state or
// of some devices.
import type { Job } from "../../state/job.js";
import type { Platform } from "../../state/platform.js";
import { TASK_STATES, type TaskState } from "../../state/task-state.js";
import { findJob } from "../lookups.js";
import { ANY_METHOD, operation } from "../operation.js";
import { checkDepth, type PageRequest, page, pageNumber, pageSize } from "../paging.js";
import { list, orElse, readOneOf, required, text } from "../readers.js";
import { taskView } from "../views.js";

/** Documented: how far pages reach. */
const MOST_LISTED = 100_000;

export const listOtaTaskByJob = operation({
  callsPerSecond: 10,
  methods: ANY_METHOD,
  parameters: {
    JobId: required(text()),
    // Both are optional; the defaults are those of QueryDevice.
    CurrentPage: orElse(pageNumber, 1),
    PageSize: orElse(pageSize(100), 10),
    TaskStatus: readOneOf(TASK_STATES, "iot.firmware.InvalidTaskStatus"),
    DeviceNames: list(50, "iot.device.TooManyDeviceNamesPerRequest"),
  },
  carryOut({ JobId, TaskStatus, DeviceNames, ...asked }, { platform }) {
    const job = findJob(platform, JobId);
    checkDepth(asked, MOST_LISTED);
    const { rows, fields } = find(platform, job, TaskStatus, DeviceNames, asked);
    const SimpleOTATaskInfo = rows.map((task) => ({
      ...taskView(platform, task),
      TaskStatus: platform.shownTasks.stateOf(task),
      TaskDesc: platform.tasks.noteOf(task) || undefined,
      Progress: platform.tasks.progressOf(task).toFixed(2),
      Timeout: job.traits.timeoutInMinutes?.toString(),
    }));
    return { fields: { ...fields, Data: { SimpleOTATaskInfo } } };
  },
});

/** Finds the tasks of a page, as shown. Walks over the whole batch only if a state is given. */
function find(
  platform: Platform,
  job: Job,
  state: TaskState | undefined,
  names: readonly string[],
  asked: PageRequest,
) {
  const { shownTasks } = platform;
  shownTasks.catchUp(platform.now());
  const fits = (task: number) => {
    const shown = shownTasks.stateOf(task);
    return shown !== undefined && (state === undefined || shown === state);
  };
  if (names.length > 0) {
    const rows = tasksOf(platform, job, names).filter(fits);
    // Documented: paging does not apply. The values of its fields are a guess then.
    const { fields } = page(asked, rows.length, (place) => place);
    return { rows, fields };
  }
  // Tasks are shown in the order of their creation, so that those not shown yet are the last ones.
  if (state === undefined) return page(asked, shownTasks.sizeOf(job), (place) => job.tasks.at(place));
  let place = 0;
  const next = (): number => {
    place = shownTasks.placeInState(job, state, place);
    return job.tasks.at(place++);
  };
  const total = shownTasks.countOf(job, state);
  const before = Math.min((asked.CurrentPage - 1) * asked.PageSize, total);
  for (let passed = 0; passed < before; passed++) next();
  return page(asked, total, next);
}

/** The batch's tasks for the named devices. Names without a task are skipped. */
function tasksOf({ tasks }: Platform, job: Job, names: readonly string[]): number[] {
  return [...new Set(names)].flatMap((name) => {
    const device = job.product.rowOfName.get(name);
    return device === undefined ? [] : [...tasks.ofDevice(device)].filter((task) => tasks.jobOf(task) === job);
  });
}
