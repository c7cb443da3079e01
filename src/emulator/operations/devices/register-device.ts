// RegisterDevice: adds a device to a product. It has a version from the start, as if it had
// reported one at once, because an OTA batch takes only devices whose version is known.
import { serviceError } from "../../protocol/errors.js";
import { deviceNameOf, deviceSecretOf } from "../../state/ids.js";
import { joinDynamicBatches } from "../../state/rollout.js";
import { findProduct, NAME_PATTERN } from "../lookups.js";
import { ANY_METHOD, operation } from "../operation.js";
import { readOneOf, required, text } from "../readers.js";

export const registerDevice = operation({
  callsPerSecond: 30,
  methods: ANY_METHOD,
  parameters: {
    ProductKey: required(text()),
    DeviceName: text(NAME_PATTERN, "iot.device.InvalidFormattedDeviceName"),
    Nickname: text(/^.{2,64}$/u),
    DevEui: text(),
    PinCode: text(),
    JoinEui: text(),
    AppKey: text(),
    LoraNodeType: readOneOf(["ALIYUNDEFINED", "USERDEFINED"]),
  },
  carryOut({ ProductKey, DeviceName, Nickname, DevEui, JoinEui }, { platform, deviceVersion }) {
    const product = findProduct(platform, ProductKey);
    const name = DeviceName ?? deviceNameOf(platform.devices.size);
    if (product.rowOfName.has(name)) throw serviceError("iot.device.AlreadyExistedDeviceName");
    const device = platform.devices.add(product, name, deviceVersion, platform.now(), Nickname);
    joinDynamicBatches(platform, device, "registered");
    const Data = {
      ProductKey,
      DeviceName: name,
      DeviceSecret: deviceSecretOf(device),
      IotId: platform.devices.iotIdOf(device),
      Nickname,
      DevEui,
      JoinEui,
    };
    return { fields: { Data } };
  },
});
