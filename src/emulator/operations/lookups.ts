// Finds the things that a call names, or throws the upstream's refusal.
import { serviceError } from "../protocol/errors.js";
import type { Firmware } from "../state/firmware.js";
import type { Job } from "../state/job.js";
import type { Platform } from "../state/platform.js";
import type { Product } from "../state/product.js";

/** Documented for RegisterDevice. */
export const NAME_PATTERN = /^[A-Za-z0-9_.:@-]{4,32}$/;

export function findProduct(platform: Platform, productKey: string): Product {
  const product = platform.products.get(productKey);
  if (!product) throw serviceError("iot.prod.NotExistedProduct");
  return product;
}

export function findFirmware(platform: Platform, firmwareId: string): Firmware {
  const firmware = platform.firmware.get(firmwareId);
  if (!firmware) throw serviceError("iot.ota.FirmwareNotFound");
  return firmware;
}

/** Whether a package is for another product. A package created without a product fits all. */
export function isForeign(firmware: Firmware, product: Product): boolean {
  return firmware.productKey !== undefined && firmware.productKey !== product.key;
}

export function findJob(platform: Platform, jobId: string): Job {
  const job = platform.jobs.get(jobId);
  if (!job) throw serviceError("iot.ota.InvalidJobId");
  return job;
}

export function findDevice(platform: Platform, productKey: string, deviceName: string): number {
  const device = findProduct(platform, productKey).rowOfName.get(deviceName);
  if (device === undefined) throw serviceError("iot.device.NotExistedDevice");
  return device;
}

/** Finds a device by its IotId, which takes precedence, or by its product and name. */
export function findDeviceBy(
  platform: Platform,
  asked: {
    readonly IotId: string | undefined;
    readonly ProductKey: string | undefined;
    readonly DeviceName: string | undefined;
  },
): number {
  if (asked.IotId !== undefined) {
    const device = platform.devices.rowOfIotId(asked.IotId);
    if (device === undefined) throw serviceError("iot.device.NotExistedDevice");
    return device;
  }
  if (asked.ProductKey === undefined || asked.DeviceName === undefined) {
    throw serviceError("iot.ota.EmptyDeviceInfoParams");
  }
  return findDevice(platform, asked.ProductKey, asked.DeviceName);
}
