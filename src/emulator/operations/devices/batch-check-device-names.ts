// BatchCheckDeviceNames: checks whether devices could be registered under these names. Invalid
// names come back in the answer of a failed call.
import { serviceError } from "../../protocol/errors.js";
import { findProduct, NAME_PATTERN } from "../lookups.js";
import { ANY_METHOD, operation } from "../operation.js";
import { list, records, required, text } from "../readers.js";

/** Documented. */
const MOST_NAMES = 10_000;
const NICKNAME = /^.{2,64}$/u;

export const batchCheckDeviceNames = operation({
  callsPerSecond: 10,
  methods: ANY_METHOD,
  parameters: {
    ProductKey: required(text()),
    DeviceName: list(MOST_NAMES, "iot.device.TooManyDeviceNamesPerRequest"),
    DeviceNameList: records(MOST_NAMES, ["DeviceName", "DeviceNickname"]),
  },
  carryOut({ ProductKey, DeviceName, DeviceNameList }, { platform }) {
    const product = findProduct(platform, ProductKey);
    // Documented: the list of records takes precedence.
    const names = DeviceNameList.length > 0 ? DeviceNameList.map((each) => each.DeviceName ?? "") : DeviceName;
    if (names.length === 0) throw serviceError("iot.device.NullDeviceName");
    const nicknames = DeviceNameList.flatMap((each) => each.DeviceNickname ?? []);
    const invalid = names.filter((name) => !NAME_PATTERN.test(name) || product.rowOfName.has(name));
    const seen = new Set<string>();
    const repeated = names.filter((name) => seen.size === seen.add(name).size);
    const badNicknames = nicknames.filter((nickname) => !NICKNAME.test(nickname));
    if (invalid.length + repeated.length + badNicknames.length === 0) {
      return { fields: { Data: { ApplyId: platform.now() } } };
    }
    const Data = {
      InvalidDeviceNameList: invalid.length > 0 ? { InvalidDeviceName: invalid } : undefined,
      // The misspelling is the vendor's.
      RepeatedDeviceNameList: repeated.length > 0 ? { RepeatDevieNameList: repeated } : undefined,
      InvalidDeviceNicknameList: badNicknames.length > 0 ? { InvalidDeviceNickname: badNicknames } : undefined,
    };
    throw serviceError("iot.device.InvalidFormattedDeviceName", { Data });
  },
});
