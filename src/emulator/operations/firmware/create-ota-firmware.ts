// CreateOTAFirmware: creates an update package. Its file is never fetched, so any address will do.
import { serviceError } from "../../protocol/errors.js";
import { DEFAULT_MODULE, type Firmware } from "../../state/firmware.js";
import { idOf } from "../../state/ids.js";
import { findProduct } from "../lookups.js";
import { ANY_METHOD, operation } from "../operation.js";
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
import { utc } from "../views.js";

/** Documented: the most packages of an account. */
const MOST_PACKAGES = 500;
const VERSION = /^[A-Za-z0-9._-]{1,64}$/;
const FILE_FIELDS = ["Name", "Url", "Size", "SignValue", "FileMd5"] as const;

export const createOtaFirmware = operation({
  callsPerSecond: 10,
  methods: ANY_METHOD,
  parameters: {
    FirmwareName: required(text(/^[A-Za-z0-9][A-Za-z0-9_()-]{0,39}$/, "iot.firmware.IncorrectFormattedFirmwareName")),
    DestVersion: required(text(VERSION)),
    FirmwareUrl: text(),
    FirmwareSign: text(),
    SignMethod: readOneOf(["MD5", "Md5", "SHA256"]),
    FirmwareSize: whole(0, 2 ** 31 - 1),
    ProductKey: text(),
    FirmwareDesc: text(/^.{1,100}$/su),
    Type: orElse(oneOfNumbers([0, 1]), 0),
    SrcVersion: text(VERSION),
    ModuleName: orElse(text(/^[A-Za-z0-9._-]{1,64}$/, "iot.ota.InvalidOtaModuleName"), DEFAULT_MODULE),
    NeedToVerify: orElse(readFlag(), true),
    Udi: text(/^.{1,4096}$/su),
    MultiFiles: records(20, FILE_FIELDS),
  },
  carryOut(asked, { platform }) {
    const { FirmwareName, DestVersion, SrcVersion, ProductKey, Type } = asked;
    if (ProductKey !== undefined) findProduct(platform, ProductKey);
    if (Type === 1 && (SrcVersion === undefined || SrcVersion === DestVersion)) throw invalidParameter("SrcVersion");
    if ([...platform.firmware.values()].some(({ name }) => name === FirmwareName)) {
      throw serviceError("iot.firmware.AlreadyExistedFirmwareName");
    }
    if (platform.firmware.size >= MOST_PACKAGES) throw serviceError("iot.system.IllegalRequest");
    const nowMs = platform.now();
    const firmware: Firmware = {
      id: idOf("firmware", platform.firmware.size),
      name: FirmwareName,
      destVersion: DestVersion,
      type: Type === 1 ? 1 : 0,
      srcVersion: SrcVersion,
      moduleName: asked.ModuleName,
      productKey: ProductKey,
      url: asked.FirmwareUrl,
      sign: asked.FirmwareSign,
      signMethod: asked.SignMethod,
      size: asked.FirmwareSize,
      description: asked.FirmwareDesc,
      udi: asked.Udi,
      files: asked.MultiFiles.map((file) => ({
        ...file,
        Size: file.Size === undefined ? undefined : sizeOf(file.Size),
      })),
      status: asked.NeedToVerify ? "unverified" : "not-to-verify",
      createdMs: nowMs,
      modifiedMs: nowMs,
    };
    platform.firmware.set(firmware.id, firmware);
    return { fields: { Data: { FirmwareId: firmware.id, UtcCreate: utc(nowMs) } } };
  },
});

function sizeOf(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw invalidParameter("MultiFiles");
  return Number(text);
}
