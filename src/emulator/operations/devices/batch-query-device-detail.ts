// BatchQueryDeviceDetail: what the devices of a list are, their secrets included, as the service
// answers. Documented: only the devices that exist are in the answer.
import { deviceSecretOf } from "../../state/ids.js";
import type { Platform } from "../../state/platform.js";
import { findProduct } from "../lookups.js";
import { ANY_METHOD, operation } from "../operation.js";
import { list, required, text } from "../readers.js";
import { utc } from "../views.js";
import { knownDevices } from "./known-devices.js";

/** Documented. */
const MOST_NAMES = 100;

export const batchQueryDeviceDetail = operation({
  callsPerSecond: 5,
  methods: ANY_METHOD,
  parameters: {
    ProductKey: required(text()),
    DeviceName: required(list(MOST_NAMES, "iot.device.TooManyDeviceNamesPerRequest")),
  },
  carryOut({ ProductKey, DeviceName }, { platform, openQuestions }) {
    const product = findProduct(platform, ProductKey);
    const known = knownDevices(product, DeviceName, openQuestions.missingFromDetail);
    return { fields: { Data: { Data: known.map((device) => detailView(platform, device)) } }, devices: known.length };
  },
});

function detailView(platform: Platform, device: number) {
  const { devices } = platform;
  const product = devices.productOf(device);
  const createdMs = devices.createdMs(device);
  return {
    DeviceName: devices.nameOf(device),
    DeviceSecret: deviceSecretOf(device),
    FirmwareVersion: devices.versionOf(device, "default"),
    IotId: devices.iotIdOf(device),
    Nickname: devices.nicknameOf(device),
    NodeType: product.nodeType,
    ProductKey: product.key,
    ProductName: product.name,
    Region: "cn-shanghai",
    Status: platform.onQueued ? "ONLINE" : "OFFLINE",
    GmtCreate: new Date(createdMs).toUTCString(),
    UtcCreate: utc(createdMs),
  };
}
