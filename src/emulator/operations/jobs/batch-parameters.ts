// The common part of the operations that create a batch: their parameters, and the check that the
// package and the product fit each other.
import { serviceError } from "../../protocol/errors.js";
import type { Firmware } from "../../state/firmware.js";
import type { Platform } from "../../state/platform.js";
import type { Product } from "../../state/product.js";
import { findFirmware, findProduct, isForeign, NAME_PATTERN } from "../lookups.js";
import {
  invalidParameter,
  oneOfNumbers,
  orElse,
  readFlag,
  readOneOf,
  records,
  required,
  text,
  whole,
} from "../readers.js";

/** Parameters of every batch. */
export const BATCH_PARAMETERS = {
  FirmwareId: required(text()),
  ProductKey: required(text()),
  TimeoutInMinutes: whole(1, 1440),
  NeedPush: orElse(readFlag(), true),
  NeedConfirm: orElse(readFlag(), false),
  DownloadProtocol: orElse(readOneOf(["HTTPS", "MQTT"]), "HTTPS"),
} as const;

/** Parameters of batches that upgrade rather than only verify. */
export const UPGRADE_PARAMETERS = {
  ...BATCH_PARAMETERS,
  RetryInterval: oneOfNumbers([0, 10, 30, 60, 1440]),
  RetryCount: oneOfNumbers([1, 2, 5]),
  MaximumPerMinute: orElse(whole(10, 10_000), 10_000),
  OverwriteMode: orElse(oneOfNumbers([1, 2]), 1),
  MultiModuleMode: orElse(readFlag(), false),
  GroupId: text(),
} as const;

export function tags(most: number) {
  return records(most, ["Key", "Value"]);
}

interface AskedBatch {
  readonly TimeoutInMinutes: number | undefined;
  readonly NeedPush: boolean;
  readonly NeedConfirm: boolean;
  readonly DownloadProtocol: string;
}

export function batchTraits(asked: AskedBatch) {
  return {
    timeoutInMinutes: asked.TimeoutInMinutes,
    needPush: asked.NeedPush,
    needConfirm: asked.NeedConfirm,
    downloadProtocol: asked.DownloadProtocol,
  };
}

interface AskedUpgrade extends AskedBatch {
  readonly RetryInterval: number | undefined;
  readonly RetryCount: number | undefined;
  readonly MaximumPerMinute: number;
  readonly OverwriteMode: number;
  readonly MultiModuleMode: boolean;
}

export function upgradeTraits(asked: AskedUpgrade) {
  // Documented: a retry comes before the timeout.
  const { RetryInterval = 0, TimeoutInMinutes = Number.POSITIVE_INFINITY } = asked;
  if (RetryInterval >= TimeoutInMinutes) throw invalidParameter("RetryInterval");
  return {
    ...batchTraits(asked),
    type: "UPGRADE_FIRMWARE",
    retryInterval: asked.RetryInterval,
    retryCount: asked.RetryCount,
    maximumPerMinute: asked.MaximumPerMinute,
    overwriteMode: asked.OverwriteMode,
    multiModuleMode: asked.MultiModuleMode,
  } as const;
}

/** Finds the package and the product, and checks that they fit. */
export function findPair(
  platform: Platform,
  asked: { readonly FirmwareId: string; readonly ProductKey: string },
): { readonly firmware: Firmware; readonly product: Product } {
  const product = findProduct(platform, asked.ProductKey);
  const firmware = findFirmware(platform, asked.FirmwareId);
  if (isForeign(firmware, product)) throw serviceError("iot.ota.FirmwareAndProductKeyMismatch");
  return { firmware, product };
}

/** Finds the rows of the named devices, each once. */
export function findTargets(product: Product, names: readonly string[]): number[] {
  return [...new Set(names)].map((name) => {
    if (!NAME_PATTERN.test(name)) throw serviceError("iot.device.InvalidFormattedDeviceNameInNameArray");
    const device = product.rowOfName.get(name);
    if (device === undefined) throw serviceError("iot.device.NotExistedDevice");
    return device;
  });
}
