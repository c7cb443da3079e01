// Every operation that the emulator knows, by its action name. Any other is refused as the POP gateway does.
import { cancelOtaTaskByDevice } from "./cancel-ota-task-by-device.js";
import type { Operation } from "./operation.js";

/** The version of the IoT API whose operations these are. */
export const API_VERSION = "2018-01-20";

export const OPERATIONS: Readonly<Record<string, Operation>> = {
  CancelOTATaskByDevice: cancelOtaTaskByDevice,
};
