// ListOTAFirmware: lists the update packages of the account, or of one product or version.
import { ANY_METHOD, operation } from "../operation.js";
import { page, pageNumber, pageSize } from "../paging.js";
import { required, text } from "../readers.js";
import { firmwareView } from "../views.js";

export const listOtaFirmware = operation({
  callsPerSecond: 10,
  methods: ANY_METHOD,
  parameters: {
    CurrentPage: required(pageNumber),
    PageSize: required(pageSize(100)),
    ProductKey: text(),
    DestVersion: text(),
  },
  carryOut({ ProductKey, DestVersion, ...asked }, { platform }) {
    const all = [...platform.firmware.values()].filter(
      ({ productKey, destVersion }) =>
        (ProductKey === undefined || ProductKey === productKey) &&
        (DestVersion === undefined || DestVersion === destVersion),
    );
    const { rows, fields } = page(asked, all.length, (place) => all[place]);
    const SimpleFirmwareInfo = rows.flatMap((firmware) => (firmware ? firmwareView(platform, firmware) : []));
    return { fields: { ...fields, FirmwareInfo: { SimpleFirmwareInfo } } };
  },
});
