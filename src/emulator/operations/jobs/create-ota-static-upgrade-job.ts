// CreateOTAStaticUpgradeJob: upgrades existing devices: all of a product, a part, or those named.
import { missingParameter, serviceError } from "../../protocol/errors.js";
import { type Firmware, UPGRADABLE } from "../../state/firmware.js";
import type { Platform } from "../../state/platform.js";
import type { Product } from "../../state/product.js";
import { isOutside, openBatch } from "../../state/rollout.js";
import { ANY_METHOD, operation } from "../operation.js";
import { invalidParameter, list, readOneOf, required, text, whole } from "../readers.js";
import { utc } from "../views.js";
import { findPair, findTargets, tags, UPGRADE_PARAMETERS, upgradeTraits } from "./batch-parameters.js";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
/** Documented: 13 digits. */
const moment = () => whole(1e12, 1e13 - 1);

export const createOtaStaticUpgradeJob = operation({
  callsPerSecond: 20,
  methods: ANY_METHOD,
  parameters: {
    ...UPGRADE_PARAMETERS,
    TargetSelection: required(readOneOf(["ALL", "SPECIFIC", "GRAY", "GROUP"])),
    TargetDeviceName: list(200, "iot.device.TooManyDeviceNamesPerRequest"),
    DnListFileUrl: text(),
    GrayPercent: text(/^(100(\.00?)?|\d{1,2}(\.\d{1,2})?)$/),
    SrcVersion: list(20),
    ScheduleTime: moment(),
    ScheduleFinishTime: moment(),
    GroupType: readOneOf(["LINK_PLATFORM"]),
    Tag: tags(20),
  },
  carryOut(asked, { platform }) {
    const { firmware, product } = findPair(platform, asked);
    if (!UPGRADABLE[firmware.status]) throw serviceError("iot.ota.FirmwareNotVerified");
    checkSchedule(platform.now(), asked);
    const { targetSelection, devices } = targets(platform, firmware, product, asked);
    const job = openBatch(platform, {
      firmware,
      product,
      traits: {
        ...upgradeTraits(asked),
        selection: "STATIC",
        targetSelection,
        grayPercent: asked.GrayPercent,
        srcVersions: asked.SrcVersion,
        scheduleMs: asked.ScheduleTime,
        scheduleFinishMs: asked.ScheduleFinishTime,
        tags: asked.Tag,
      },
      devices,
    });
    return { fields: { Data: { JobId: job.id, UtcCreate: utc(job.createdMs) } } };
  },
});

/**
 * Checks the documented bounds: a start five minutes to seven days ahead, an end one hour to thirty
 * days later.
 */
function checkSchedule(
  nowMs: number,
  asked: { readonly ScheduleTime: number | undefined; readonly ScheduleFinishTime: number | undefined },
): void {
  const aheadMs = asked.ScheduleTime === undefined ? undefined : asked.ScheduleTime - nowMs;
  if (aheadMs !== undefined && (aheadMs < 5 * MINUTE_MS || aheadMs > 7 * DAY_MS))
    throw invalidParameter("ScheduleTime");
  if (asked.ScheduleFinishTime === undefined) return;
  const lastsMs = asked.ScheduleFinishTime - (asked.ScheduleTime ?? nowMs);
  if (lastsMs < HOUR_MS || lastsMs > 30 * DAY_MS) throw invalidParameter("ScheduleFinishTime");
}

function targets(
  platform: Platform,
  firmware: Firmware,
  product: Product,
  asked: {
    readonly TargetSelection: "ALL" | "SPECIFIC" | "GRAY" | "GROUP";
    readonly TargetDeviceName: readonly string[];
    readonly DnListFileUrl: string | undefined;
    readonly GrayPercent: string | undefined;
    readonly SrcVersion: readonly string[];
  },
) {
  switch (asked.TargetSelection) {
    case "SPECIFIC":
      // The emulator fetches no files, so no list of names either.
      if (asked.DnListFileUrl !== undefined) throw invalidParameter("DnListFileUrl");
      if (asked.TargetDeviceName.length === 0) throw missingParameter("TargetDeviceName");
      return { targetSelection: "SPECIFIC", devices: findTargets(product, asked.TargetDeviceName) } as const;
    case "ALL":
      return { targetSelection: "ALL", devices: rowsOf(product) } as const;
    case "GRAY": {
      if (asked.GrayPercent === undefined) throw missingParameter("GrayPercent");
      const fitting = rowsOf(product).filter((device) => !isOutside(platform, device, firmware, asked.SrcVersion));
      // The choice of devices, and the rounding of a fraction of a device, are guesses.
      const count = Math.ceil((fitting.length * Number(asked.GrayPercent)) / 100);
      return { targetSelection: "GRAY", devices: fitting.slice(0, count) } as const;
    }
    case "GROUP":
      // The emulator has no device groups.
      throw invalidParameter("GroupId");
  }
}

function rowsOf({ rows }: Product): number[] {
  return Array.from({ length: rows.size }, (_, place) => rows.at(place));
}
