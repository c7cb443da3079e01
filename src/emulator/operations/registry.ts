// Every operation that the emulator knows, by its action name. Any other is refused as the POP gateway does.
import { batchCheckDeviceNames } from "./batch-check-device-names.js";
import { cancelOtaStrategyByJob } from "./cancel-ota-strategy-by-job.js";
import { cancelOtaTaskByDevice } from "./cancel-ota-task-by-device.js";
import { cancelOtaTaskByJob } from "./cancel-ota-task-by-job.js";
import { confirmOtaTask } from "./confirm-ota-task.js";
import { createOtaDynamicUpgradeJob } from "./create-ota-dynamic-upgrade-job.js";
import { createOtaFirmware } from "./create-ota-firmware.js";
import { createOtaStaticUpgradeJob } from "./create-ota-static-upgrade-job.js";
import { createOtaVerifyJob } from "./create-ota-verify-job.js";
import { createProduct } from "./create-product.js";
import { deleteDevice } from "./delete-device.js";
import { listOtaFirmware } from "./list-ota-firmware.js";
import { listOtaJobByDevice } from "./list-ota-job-by-device.js";
import { listOtaJobByFirmware } from "./list-ota-job-by-firmware.js";
import { listOtaTaskByJob } from "./list-ota-task-by-job.js";
import { listOtaUnfinishedTaskByDevice } from "./list-ota-unfinished-task-by-device.js";
import type { Operation } from "./operation.js";
import { queryDevice } from "./query-device.js";
import { queryOtaFirmware } from "./query-ota-firmware.js";
import { queryOtaJob } from "./query-ota-job.js";
import { registerDevice } from "./register-device.js";
import { reupgradeOtaTask } from "./reupgrade-ota-task.js";

/** The version of the IoT API whose operations these are. */
export const API_VERSION = "2018-01-20";

/** The one whose quota is an option, and whose arrivals are the figures at the top of the statistics. */
export const CANCEL_BY_DEVICE = "CancelOTATaskByDevice";

export const OPERATIONS: Readonly<Record<string, Operation>> = {
  [CANCEL_BY_DEVICE]: cancelOtaTaskByDevice,
  CancelOTATaskByJob: cancelOtaTaskByJob,
  CancelOTAStrategyByJob: cancelOtaStrategyByJob,
  ConfirmOTATask: confirmOtaTask,
  ReupgradeOTATask: reupgradeOtaTask,
  CreateOTAFirmware: createOtaFirmware,
  ListOTAFirmware: listOtaFirmware,
  QueryOTAFirmware: queryOtaFirmware,
  CreateOTAVerifyJob: createOtaVerifyJob,
  CreateOTAStaticUpgradeJob: createOtaStaticUpgradeJob,
  CreateOTADynamicUpgradeJob: createOtaDynamicUpgradeJob,
  QueryOTAJob: queryOtaJob,
  ListOTAJobByFirmware: listOtaJobByFirmware,
  ListOTAJobByDevice: listOtaJobByDevice,
  ListOTATaskByJob: listOtaTaskByJob,
  ListOTAUnfinishedTaskByDevice: listOtaUnfinishedTaskByDevice,
  CreateProduct: createProduct,
  RegisterDevice: registerDevice,
  QueryDevice: queryDevice,
  DeleteDevice: deleteDevice,
  BatchCheckDeviceNames: batchCheckDeviceNames,
};

/** Own keys only: an action may be called `constructor`. */
export function operationOf(action: string): Operation | undefined {
  return Object.hasOwn(OPERATIONS, action) ? OPERATIONS[action] : undefined;
}
