// QueryOTAFirmware: shows one update package, with its file and the progress of its verification.
import type { Platform } from "../../state/platform.js";
import { findFirmware } from "../lookups.js";
import { ANY_METHOD, operation } from "../operation.js";
import { required, text } from "../readers.js";
import { firmwareView } from "../views.js";

export const queryOtaFirmware = operation({
  callsPerSecond: 20,
  methods: ANY_METHOD,
  parameters: { FirmwareId: required(text()) },
  carryOut({ FirmwareId }, { platform }) {
    const firmware = findFirmware(platform, FirmwareId);
    const FirmwareInfo = {
      ...firmwareView(platform, firmware),
      FirmwareUrl: firmware.url,
      VerifyProgress: verifyProgress(platform, FirmwareId),
      Udi: firmware.udi,
      MultiFiles: firmware.files.map((file) => ({ ...file })),
    };
    return { fields: { FirmwareInfo } };
  },
});

/** In percent. The meaning is a guess: the finished part of the tasks of the last verification. */
function verifyProgress(platform: Platform, firmwareId: string): number {
  const verifications = [...platform.jobs.values()].filter(
    ({ firmware, traits }) => firmware.id === firmwareId && traits.type === "VERIFY_FIRMWARE",
  );
  const last = verifications.at(-1);
  if (!last || last.tasks.size === 0) return 0;
  return Math.floor((100 * (last.tasks.size - last.unfinished)) / last.tasks.size);
}
