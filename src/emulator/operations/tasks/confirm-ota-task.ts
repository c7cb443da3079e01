// ConfirmOTATask: starts tasks that wait for confirmation, all of them or none. No error code is
// documented for this operation; these are the codes of ReupgradeOTATask.
import { serviceError } from "../../protocol/errors.js";
import { operation } from "../operation.js";
import { list, required } from "../readers.js";

export const confirmOtaTask = operation({
  callsPerSecond: 20,
  methods: ["POST"],
  parameters: { TaskId: required(list(10, "iot.ota.TooManyOtaTask")) },
  carryOut({ TaskId }, { platform }) {
    const { tasks } = platform;
    const nowMs = platform.now();
    const confirmed = new Set(
      TaskId.map((id) => {
        const task = tasks.rowOfId(id);
        if (task === undefined) throw serviceError("iot.ota.InvalidTaskId");
        const { scheduleMs = nowMs, scheduleFinishMs = nowMs } = tasks.jobOf(task).traits;
        const inWindow = scheduleMs <= nowMs && nowMs <= scheduleFinishMs;
        if (tasks.stateOf(task) !== "CONFIRM" || !inWindow) throw serviceError("iot.ota.InvalidTaskExist");
        return task;
      }),
    );
    for (const task of confirmed) tasks.move(task, "QUEUED", nowMs);
    return {};
  },
});
