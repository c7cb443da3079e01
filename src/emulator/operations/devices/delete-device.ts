// DeleteDevice: removes a device, by its IotId or by its product and name.
import { removeDevice } from "../../state/device-reports.js";
import { findDeviceBy } from "../lookups.js";
import { ANY_METHOD, operation } from "../operation.js";
import { text } from "../readers.js";

export const deleteDevice = operation({
  callsPerSecond: 50,
  methods: ANY_METHOD,
  parameters: { IotId: text(), ProductKey: text(), DeviceName: text() },
  carryOut(asked, { platform }) {
    removeDevice(platform, findDeviceBy(platform, asked));
    return {};
  },
});
