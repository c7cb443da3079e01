// ReupgradeOTATask: runs failed or canceled tasks again, all of them or none. Its error codes are
// documented; where their texts leave a choice, the code is a guess.
import { serviceError } from "../../protocol/errors.js";
import type { Platform } from "../../state/platform.js";
import { UNFINISHED } from "../../state/task-state.js";
import { findJob } from "../lookups.js";
import { operation } from "../operation.js";
import { list, required, text } from "../readers.js";

export const reupgradeOtaTask = operation({
  callsPerSecond: 20,
  methods: ["POST"],
  refusesWith400: true,
  parameters: { JobId: required(text()), TaskId: required(list(10, "iot.ota.TooManyOtaTask")) },
  carryOut({ JobId, TaskId }, { platform }) {
    const { tasks } = platform;
    const job = findJob(platform, JobId);
    if (job.status === "CANCELED") throw serviceError("iot.ota.JobCanceled");
    const asked = [...new Set(TaskId)].map((id) => {
      const task = tasks.rowOfId(id);
      if (task === undefined) throw serviceError("iot.ota.InvalidTaskId");
      if (tasks.jobOf(task) !== job) throw serviceError("iot.ota.UnmatchedJob");
      return task;
    });
    const over = asked.filter((task) => ["FAILED", "CANCELED"].includes(tasks.stateOf(task)));
    if (over.length === 0) throw serviceError("iot.ota.FailedTaskNotFound");
    if (over.length < asked.length) throw serviceError("iot.ota.InvalidTaskExist");
    for (const task of asked) checkDevice(platform, task);
    const nowMs = platform.now();
    for (const task of asked) tasks.move(task, "QUEUED", nowMs);
    if (job.status === "COMPLETED") job.start(nowMs);
    return {};
  },
});

function checkDevice({ tasks, devices }: Platform, task: number): void {
  const device = tasks.deviceOf(task);
  if (!devices.exists(device)) throw serviceError("iot.ota.DeviceNotExist");
  const unconfirmed = tasks.jobOf(task).traits.needConfirm && !tasks.wasConfirmed(task);
  const busy = [...tasks.ofDevice(device)].some((other) => UNFINISHED[tasks.stateOf(other)]);
  if (unconfirmed || busy) throw serviceError("iot.ota.DeviceNotReUpgraded");
}
