// QueryDevice: lists the devices of a product, latest registration first.
import { deviceSecretOf } from "../../state/ids.js";
import type { Platform } from "../../state/platform.js";
import { findProduct } from "../lookups.js";
import { ANY_METHOD, operation } from "../operation.js";
import { checkDepth, page, pageNumber, pageSize } from "../paging.js";
import { invalidParameter, orElse, required, text } from "../readers.js";
import { utc } from "../views.js";

/** Documented: how far pages reach without a token. */
const MOST_WITHOUT_TOKEN = 10_000;

export const queryDevice = operation({
  callsPerSecond: 50,
  methods: ANY_METHOD,
  parameters: {
    ProductKey: required(text()),
    PageSize: orElse(pageSize(50), 10),
    CurrentPage: orElse(pageNumber, 1),
    NextToken: text(),
  },
  carryOut({ ProductKey, PageSize, CurrentPage, NextToken }, { platform }) {
    const { rows } = findProduct(platform, ProductKey);
    checkDepth({ CurrentPage, PageSize }, MOST_WITHOUT_TOKEN);
    const skipped = NextToken === undefined ? 0 : placeOf(NextToken);
    const newestFirst = (place: number) => deviceView(platform, rows.at(rows.size - 1 - skipped - place));
    const found = page({ CurrentPage, PageSize }, Math.max(0, rows.size - skipped), newestFirst);
    const end = skipped + (CurrentPage - 1) * PageSize + found.rows.length;
    return {
      fields: {
        Page: CurrentPage,
        PageSize,
        PageCount: Math.ceil(rows.size / PageSize),
        Total: rows.size,
        NextToken: end < rows.size ? Buffer.from(`after:${end}`).toString("base64") : undefined,
        Data: { DeviceInfo: found.rows },
      },
    };
  },
});

function placeOf(token: string): number {
  const [, digits] = /^after:(\d{1,9})$/.exec(Buffer.from(token, "base64").toString("latin1")) ?? [];
  if (!digits) throw invalidParameter("NextToken");
  return Number(digits);
}

function deviceView(platform: Platform, device: number) {
  const { devices } = platform;
  const createdMs = devices.createdMs(device);
  const gmt = new Date(createdMs).toUTCString();
  return {
    DeviceName: devices.nameOf(device),
    DeviceSecret: deviceSecretOf(device),
    DeviceStatus: platform.onQueued ? "ONLINE" : "OFFLINE",
    DeviceType: "default",
    IotId: devices.iotIdOf(device),
    Nickname: devices.nicknameOf(device),
    ProductKey: devices.productOf(device).key,
    GmtCreate: gmt,
    GmtModified: gmt,
    UtcCreate: utc(createdMs),
    UtcModified: utc(createdMs),
  };
}
