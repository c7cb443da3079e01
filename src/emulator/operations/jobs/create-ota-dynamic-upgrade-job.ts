// CreateOTADynamicUpgradeJob: upgrades devices of certain versions, now and whenever a device comes
// to have one of them.
import { missingParameter, serviceError } from "../../protocol/errors.js";
import { UPGRADABLE } from "../../state/firmware.js";
import { openBatch } from "../../state/rollout.js";
import { ANY_METHOD, operation } from "../operation.js";
import { invalidParameter, list, oneOfNumbers, orElse, readOneOf } from "../readers.js";
import { utc } from "../views.js";
import { findPair, tags, UPGRADE_PARAMETERS, upgradeTraits } from "./batch-parameters.js";

export const createOtaDynamicUpgradeJob = operation({
  callsPerSecond: 20,
  methods: ANY_METHOD,
  parameters: {
    ...UPGRADE_PARAMETERS,
    SrcVersion: list(50),
    DynamicMode: orElse(oneOfNumbers([1, 2]), 1),
    GroupType: readOneOf(["LINK_PLATFORM_DYNAMIC"]),
    Tag: tags(10),
  },
  carryOut(asked, { platform }) {
    const { firmware, product } = findPair(platform, asked);
    if (!UPGRADABLE[firmware.status]) throw serviceError("iot.ota.FirmwareNotVerified");
    // The emulator has no device groups.
    if (asked.GroupId !== undefined) throw invalidParameter("GroupId");
    if (asked.SrcVersion.length === 0) throw missingParameter("SrcVersion");
    // One running dynamic batch for each package is documented; the code is a guess.
    const running = [...platform.dynamicJobs].some((job) => job.firmware === firmware);
    if (running) throw serviceError("iot.system.IllegalRequest");
    const { rows } = product;
    const job = openBatch(platform, {
      firmware,
      product,
      traits: {
        ...upgradeTraits(asked),
        selection: "DYNAMIC",
        targetSelection: "ALL",
        srcVersions: asked.SrcVersion,
        dynamicMode: asked.DynamicMode,
        tags: asked.Tag,
      },
      devices: asked.DynamicMode === 2 ? [] : Array.from({ length: rows.size }, (_, place) => rows.at(place)),
    });
    return { fields: { Data: { JobId: job.id, UtcCreate: utc(job.createdMs) } } };
  },
});
