// Shows what stands beside the cancels: calls that were not accepted, by answer and caller, and the
// operations that read tasks or devices.
import { byId } from "./dom.js";
import { MODES } from "./modes.js";
import { showRows } from "./rows.js";
import { number, timeOfDay } from "./words.js";

/** @import { ReadingSnapshot, RefusalSnapshot } from "../snapshot.js" */

/** @param {readonly RefusalSnapshot[]} refusals */
export function showRefusals(refusals) {
  const rows = refusals.map(({ code, caller, calls, devices, lastWallMs }) => [
    code,
    caller,
    number(calls),
    number(devices),
    timeOfDay(lastWallMs),
  ]);
  showRows(byId("refusals"), rows, 2);
  const table = byId("refusals").parentElement;
  if (table) table.hidden = rows.length === 0;
  byId("no-refusals").hidden = rows.length > 0;
}

/** @param {readonly ReadingSnapshot[]} readings */
export function showReadings(readings) {
  const rows = readings.map(({ operation, mode, limit, callsLastMinute, accepted, notAccepted, lastCode }) => [
    operation,
    `${MODES[mode]}, ${number(limit)}/s`,
    number(callsLastMinute),
    number(accepted),
    `${number(notAccepted)}${lastCode === undefined ? "" : `: ${lastCode}`}`,
  ]);
  showRows(byId("readings"), rows);
}
