// Renders the platform's objects for answers. Values that were never given are left out.
import { FIRMWARE_STATUS_CODES, type Firmware } from "../state/firmware.js";
import type { Job } from "../state/job.js";
import type { Platform } from "../state/platform.js";

/** As documented: `2019-11-04T06:22:19.566Z`. */
export function utc(epochMs: number): string;
export function utc(epochMs: number | undefined): string | undefined;
export function utc(epochMs: number | undefined): string | undefined {
  return epochMs === undefined ? undefined : new Date(epochMs).toISOString();
}

/** The fields that both lists of tasks show. */
export function taskView(platform: Platform, task: number) {
  const { tasks, devices } = platform;
  const { id, product, firmware } = tasks.jobOf(task);
  const device = tasks.deviceOf(task);
  return {
    TaskId: tasks.idOf(task),
    TaskStatus: tasks.stateOf(task),
    DeviceName: devices.nameOf(device),
    IotId: devices.iotIdOf(device),
    ProductKey: product.key,
    ProductName: product.name,
    FirmwareId: firmware.id,
    JobId: id,
    SrcVersion: tasks.srcVersionOf(task),
    DestVersion: firmware.destVersion,
    UtcCreate: utc(tasks.createdMs(task)),
    UtcModified: utc(tasks.modifiedMs(task)),
  };
}

/** The fields that every answer about a job shows. */
export function jobView(job: Job) {
  const { type, selection, targetSelection, tags } = job.traits;
  return {
    JobId: job.id,
    JobStatus: job.status,
    JobType: type,
    SelectionType: selection,
    TargetSelection: targetSelection,
    FirmwareId: job.firmware.id,
    ProductKey: job.product.key,
    UtcCreate: utc(job.createdMs),
    UtcModified: utc(job.modifiedMs),
    UtcStartTime: utc(job.startedMs),
    UtcEndTime: utc(job.endedMs),
    Tags: { OtaTagDTO: tags.map(({ Key, Value }) => ({ Key, Value })) },
  };
}

/** The fields that every answer about a package shows. */
export function firmwareView(platform: Platform, firmware: Firmware) {
  const { productKey } = firmware;
  return {
    FirmwareId: firmware.id,
    FirmwareName: firmware.name,
    FirmwareDesc: firmware.description,
    FirmwareSign: firmware.sign,
    FirmwareSize: firmware.size,
    SignMethod: firmware.signMethod,
    Type: firmware.type,
    Status: FIRMWARE_STATUS_CODES[firmware.status],
    ModuleName: firmware.moduleName,
    ProductKey: productKey,
    ProductName: productKey === undefined ? undefined : platform.products.get(productKey)?.name,
    SrcVersion: firmware.srcVersion,
    DestVersion: firmware.destVersion,
    UtcCreate: utc(firmware.createdMs),
    UtcModified: utc(firmware.modifiedMs),
  };
}
