// ListOTAUnfinishedTaskByDevice: lists the unfinished tasks of one device, in all states or in
// some.
import { serviceError } from "../../protocol/errors.js";
import { type TaskState, UNFINISHED } from "../../state/task-state.js";
import { findDeviceBy } from "../lookups.js";
import { ANY_METHOD, operation } from "../operation.js";
import { list, readOneOf, text } from "../readers.js";
import { taskView } from "../views.js";

const STATES = ["CONFIRM", "QUEUED", "NOTIFIED", "IN_PROGRESS"] as const satisfies readonly TaskState[];

export const listOtaUnfinishedTaskByDevice = operation({
  callsPerSecond: 10,
  methods: ANY_METHOD,
  refusesWith400: true,
  parameters: {
    IotId: text(),
    ProductKey: text(),
    DeviceName: text(),
    ModuleName: text(/^[A-Za-z0-9._-]{1,64}$/, "iot.ota.InvalidOtaModuleName"),
    TaskStatus: readOneOf(STATES, "iot.firmware.InvalidTaskStatus"),
    TaskStatusList: list(4, "iot.firmware.InvalidTaskStatus"),
  },
  carryOut({ TaskStatus, TaskStatusList, ModuleName, ...asked }, { platform }) {
    const { tasks } = platform;
    if (TaskStatusList.some((state) => !(STATES as readonly string[]).includes(state))) {
      throw serviceError("iot.firmware.InvalidTaskStatus");
    }
    const states: readonly string[] = TaskStatusList.length > 0 ? TaskStatusList : TaskStatus ? [TaskStatus] : STATES;
    const moduleOf = (task: number) => tasks.jobOf(task).firmware.moduleName;
    const found = [...tasks.ofDevice(findDeviceBy(platform, asked))].filter((task) => {
      const state = tasks.stateOf(task);
      return UNFINISHED[state] && states.includes(state) && (ModuleName ?? moduleOf(task)) === moduleOf(task);
    });
    const SimpleOTATaskInfo = found.map((task) => ({ ...taskView(platform, task), ModuleName: moduleOf(task) }));
    return { fields: { Data: { SimpleOTATaskInfo } } };
  },
});
