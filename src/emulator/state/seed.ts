// Creates the fleet that an emulator may start with: one product, one package, and one batch with a
// task for each device, all under predictable names.
import { DEFAULT_MODULE, type Firmware } from "./firmware.js";
import type { JobTraits } from "./job.js";
import type { Platform } from "./platform.js";
import { newProduct, type Product } from "./product.js";
import { openBatch } from "./rollout.js";
import { SEEDED_NAME_LENGTH, seededName } from "./seeded-name.js";
import type { TaskState } from "./task-state.js";

export interface FleetSeed {
  readonly productKey: string;
  readonly firmwareId: string;
  readonly jobId: string;
  readonly devices: number;
  readonly nameLength?: number;
  /** The version of the devices. */
  readonly deviceVersion: string;
  readonly taskState: (index: number) => TaskState;
}

/** Higher than the version that devices begin with. */
const DEST_VERSION = "2.0.0";

export function seedFleet(platform: Platform, seed: FleetSeed): void {
  const nowMs = platform.now();
  const product = seededProduct(platform, seed.productKey);
  for (let index = 0; index < seed.devices; index++) {
    const name = seededName(index, seed.nameLength ?? SEEDED_NAME_LENGTH);
    platform.devices.add(product, name, seed.deviceVersion, nowMs);
  }
  const job = openBatch(platform, {
    id: seed.jobId,
    firmware: seededFirmware(platform, seed.firmwareId, product),
    product,
    traits: SEEDED_TRAITS,
    devices: range(seed.devices),
  });
  for (let place = 0; place < job.tasks.size; place++) {
    const state = seed.taskState(place);
    if (state !== "QUEUED") platform.tasks.move(job.tasks.at(place), state, nowMs);
  }
}

/** A static job for all devices, pushed as fast as it may be. */
export const SEEDED_TRAITS: JobTraits = {
  type: "UPGRADE_FIRMWARE",
  selection: "STATIC",
  targetSelection: "ALL",
  srcVersions: [],
  maximumPerMinute: 10_000,
  overwriteMode: 1,
  needPush: true,
  needConfirm: false,
  multiModuleMode: false,
  downloadProtocol: "HTTPS",
  tags: [],
};

/** The product with this key, created if there is none. */
export function seededProduct(platform: Platform, key: string): Product {
  const product =
    platform.products.get(key) ??
    newProduct(key, platform.products.size, {
      name: "emulated",
      nodeType: 0,
      dataFormat: 1,
      description: undefined,
      authType: "secret",
      id2: false,
      protocolType: undefined,
      commodityCode: "iothub_senior",
    });
  platform.products.set(key, product);
  return product;
}

/** The package with this id, created for the product if there is none. */
export function seededFirmware(platform: Platform, id: string, product: Product): Firmware {
  const nowMs = platform.now();
  const firmware: Firmware = platform.firmware.get(id) ?? {
    id,
    name: "emulated-firmware",
    destVersion: DEST_VERSION,
    type: 0,
    srcVersion: undefined,
    moduleName: DEFAULT_MODULE,
    productKey: product.key,
    url: undefined,
    sign: undefined,
    signMethod: undefined,
    size: undefined,
    description: undefined,
    udi: undefined,
    files: [],
    status: "not-to-verify",
    createdMs: nowMs,
    modifiedMs: nowMs,
  };
  platform.firmware.set(id, firmware);
  return firmware;
}

function* range(length: number): Generator<number> {
  for (let row = 0; row < length; row++) yield row;
}
