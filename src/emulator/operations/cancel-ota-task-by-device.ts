// CancelOTATaskByDevice: moves the named devices' tasks of one firmware to CANCELED. All or nothing: a
// refused call has changed nothing. The answer tells nothing about any one device.
//
// No error code is documented for this operation. All refusals below are guesses, taken from sibling
// operations; so is their order, and that a call refused for one device is applied to none.
import { serviceError } from "../errors.js";
import { optional, required, requiredList } from "../parameters.js";
import type { Operation, Service } from "./operation.js";

/** Documented. */
const MAX_DEVICE_NAMES = 200;
/** Documented for RegisterDevice. */
const DEVICE_NAME = /^[A-Za-z0-9_.:@-]{4,32}$/;

export const cancelOtaTaskByDevice: Operation = (parameters, service) => {
  const { fleet } = service;
  const productKey = required(parameters, "ProductKey");
  const firmwareId = required(parameters, "FirmwareId");
  const listed = requiredList(parameters, "DeviceName");
  const jobId = optional(parameters, "JobId");

  if (productKey !== fleet.productKey) throw serviceError("iot.prod.NotExistedProduct");
  if (firmwareId !== fleet.firmwareId) throw serviceError("iot.ota.FirmwareNotFound");
  if (jobId !== undefined && jobId !== fleet.jobId) throw serviceError("iot.ota.InvalidJobId");

  const names = accepted(listed, service);
  for (const name of names) fleet.cancel(name);
  // A device without a task to cancel is no failure, another guess: there is no code for it.
  return { fields: {}, devices: names.size };
};

/** The distinct names to cancel for; throws if the list is refused. */
function accepted(listed: readonly string[], { fleet, openQuestions }: Service): Set<string> {
  const names = new Set(listed);
  if (listed.length > MAX_DEVICE_NAMES) throw serviceError("iot.device.TooManyDeviceNamesPerRequest");
  if (!listed.every((name) => DEVICE_NAME.test(name))) {
    throw serviceError("iot.device.InvalidFormattedDeviceNameInNameArray");
  }
  // "Must be unique" is documented. What becomes of a list that is not, and under which code, is not.
  if (openQuestions.duplicateNames === "reject" && names.size < listed.length) {
    throw serviceError("iot.device.InvalidFormattedDeviceNameInNameArray");
  }
  for (const name of names) {
    if (fleet.has(name)) continue;
    if (openQuestions.unknownDevice === "reject") throw serviceError("iot.device.NotExistedDevice");
    names.delete(name);
  }
  return names;
}
