// Lists every operation that the emulator knows, by its action name. Any other action is refused as
// the POP gateway does.
import { batchCheckDeviceNames } from "./devices/batch-check-device-names.js";
import { batchGetDeviceState } from "./devices/batch-get-device-state.js";
import { batchQueryDeviceDetail } from "./devices/batch-query-device-detail.js";
import { deleteDevice } from "./devices/delete-device.js";
import { queryDevice } from "./devices/query-device.js";
import { registerDevice } from "./devices/register-device.js";
import { createOtaFirmware } from "./firmware/create-ota-firmware.js";
import { listOtaFirmware } from "./firmware/list-ota-firmware.js";
import { queryOtaFirmware } from "./firmware/query-ota-firmware.js";
import { cancelOtaStrategyByJob } from "./jobs/cancel-ota-strategy-by-job.js";
import { createOtaDynamicUpgradeJob } from "./jobs/create-ota-dynamic-upgrade-job.js";
import { createOtaStaticUpgradeJob } from "./jobs/create-ota-static-upgrade-job.js";
import { createOtaVerifyJob } from "./jobs/create-ota-verify-job.js";
import { listOtaJobByDevice } from "./jobs/list-ota-job-by-device.js";
import { listOtaJobByFirmware } from "./jobs/list-ota-job-by-firmware.js";
import { queryOtaJob } from "./jobs/query-ota-job.js";
import type { EmulatedOperation } from "./operation.js";
import { createProduct } from "./products/create-product.js";
import { cancelOtaTaskByDevice } from "./tasks/cancel-ota-task-by-device.js";
import { cancelOtaTaskByJob } from "./tasks/cancel-ota-task-by-job.js";
import { confirmOtaTask } from "./tasks/confirm-ota-task.js";
import { listOtaTaskByJob } from "./tasks/list-ota-task-by-job.js";
import { listOtaUnfinishedTaskByDevice } from "./tasks/list-ota-unfinished-task-by-device.js";
import { reupgradeOtaTask } from "./tasks/reupgrade-ota-task.js";

/** The version of the IoT API that has these operations. */
export const API_VERSION = "2018-01-20";

/**
 * The operation whose quota is an option, and whose arrivals are the figures at the top of the
 * statistics.
 */
export const CANCEL_OPERATION = "CancelOTATaskByDevice";

export const OPERATIONS: Readonly<Record<string, EmulatedOperation>> = {
  [CANCEL_OPERATION]: cancelOtaTaskByDevice,
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
  BatchGetDeviceState: batchGetDeviceState,
  BatchQueryDeviceDetail: batchQueryDeviceDetail,
};

/** Looks at own keys only, because an action may be called `constructor`. */
export function operationOf(action: string): EmulatedOperation | undefined {
  return Object.hasOwn(OPERATIONS, action) ? OPERATIONS[action] : undefined;
}
