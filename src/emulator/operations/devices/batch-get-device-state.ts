// BatchGetDeviceState: whether the devices of a list are online. By product and name, or by IotId,
// which goes first.
import { serviceError } from "../../protocol/errors.js";
import type { Platform } from "../../state/platform.js";
import { findProduct } from "../lookups.js";
import { ANY_METHOD, operation } from "../operation.js";
import { list, text } from "../readers.js";
import { utc } from "../views.js";
import { knownDevices } from "./known-devices.js";

/** Documented. */
const MOST_NAMES = 50;

export const batchGetDeviceState = operation({
  callsPerSecond: 50,
  methods: ANY_METHOD,
  parameters: {
    ProductKey: text(),
    DeviceName: list(MOST_NAMES, "iot.device.TooManyDeviceNamesPerRequest"),
    IotId: list(MOST_NAMES, "iot.device.TooManyDeviceNamesPerRequest"),
  },
  carryOut({ ProductKey, DeviceName, IotId }, { platform, openQuestions }) {
    const missing = openQuestions.missingFromState;
    if (IotId.length > 0) {
      const found = IotId.map((id) => platform.devices.rowOfIotId(id)).filter((row) => row !== undefined);
      if (missing === "reject" && found.length < IotId.length) throw serviceError("iot.device.NotExistedDevice");
      return states(platform, found);
    }
    if (ProductKey === undefined) throw serviceError("iot.prod.NullProductKey");
    if (DeviceName.length === 0) throw serviceError("iot.device.NullDeviceName");
    return states(platform, knownDevices(findProduct(platform, ProductKey), DeviceName, missing));
  },
});

function states(platform: Platform, devices: readonly number[]) {
  const DeviceStatus = devices.map((device) => ({
    DeviceName: platform.devices.nameOf(device),
    DeviceId: platform.devices.iotIdOf(device),
    IotId: platform.devices.iotIdOf(device),
    Status: platform.onQueued ? "ONLINE" : "OFFLINE",
    LastOnlineTime: utc(platform.now()),
    Timestamp: platform.now(),
  }));
  return { fields: { DeviceStatusList: { DeviceStatus } }, devices: devices.length };
}
