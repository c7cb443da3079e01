// Shows the operations of all accounts: those that have not ended, then the last that ended.
import { byId, setText } from "./dom.js";
import { showRows } from "./rows.js";
import { count, dayAndTime, duration, number, timeOfDay } from "./words.js";

/** @import { BatchSnapshot, OperationSnapshot } from "../snapshot.js" */
/** @import { OperationsSnapshot, Snapshot } from "../snapshot.js" */

/** @type {Readonly<Record<OperationSnapshot["state"], string>>} */
const STATES = {
  running: "Running",
  stopping: "Being stopped",
  held: "Held",
  done: "Done",
  stopped: "Stopped",
  expired: "Expired",
};

const HELD = "found in a restored copy of the store; to be resumed by an operator";

/** @param {Snapshot} snapshot */
export function showOperations({ operations, accounts, wallMs }) {
  byId("operations-card").hidden = operations === undefined;
  if (!operations) return;
  const withAccount = accounts.length > 1;
  const all = [...operations.open, ...operations.ended];
  const rows = all.map((each) => [
    each.id,
    each.caller,
    whatOf(each, withAccount),
    progressOf(each),
    timeOf(each, wallMs),
    stateOf(each),
  ]);
  showRows(byId("operations"), rows, 3);
  const table = byId("operations").parentElement;
  if (table) table.hidden = rows.length === 0;
  setText(byId("operations-hint"), hintOf(operations));
}

/** @param {OperationsSnapshot} operations */
function hintOf({ open, ended, moreOpen, isStale, readWallMs }) {
  const stale = isStale ? `The store cannot be read; this is as of ${timeOfDay(readWallMs)}.` : "";
  const more = moreOpen > 0 ? `${count(moreOpen, "older operation is", "older operations are")} not shown.` : "";
  const none = open.length + ended.length === 0 ? "None." : "";
  return [none, more, stale].filter(Boolean).join(" ");
}

/**
 * @param {OperationSnapshot} operation
 * @param {boolean} withAccount
 */
function whatOf({ kind, account, productKey, firmwareId, jobId }, withAccount) {
  const scope = [withAccount ? account : "", productKey, firmwareId, jobId].filter(Boolean).join(" · ");
  return `${kind === "stop-rollout" ? "Stop a rollout" : "Cancel a list"}: ${scope}`;
}

/** @param {OperationSnapshot} operation */
function progressOf({ kind, devices, waiting, failed, step, batches = [], moreBatches = 0 }) {
  const failures = failed > 0 ? [`${number(failed)} failed`] : [];
  if (kind === "cancel-list") return [`${number(devices - waiting)} of ${number(devices)}`, ...failures].join(", ");
  const parts = [step === undefined ? "not begun" : `step: ${step}`, ...batches.map(batchText), ...failures];
  if (moreBatches > 0) parts.push(count(moreBatches, "more batch", "more batches"));
  return parts.join("; ");
}

/** @param {BatchSnapshot} batch */
function batchText({ jobId, openBefore, left, failure }) {
  const now = left === undefined ? "not counted yet" : `${number(left)} left`;
  return `${jobId}: ${number(openBefore)} open, ${now}${failure === "" ? "" : `, ${failure}`}`;
}

/**
 * @param {OperationSnapshot} operation
 * @param {number} wallMs
 */
function timeOf({ createWallMs, endWallMs, remainingMs }, wallMs) {
  if (endWallMs !== undefined) {
    return `${duration(Math.max(0, endWallMs - createWallMs))}, ended ${dayAndTime(endWallMs)}`;
  }
  const left = remainingMs === undefined ? "" : `, about ${duration(remainingMs)} left`;
  return `${duration(Math.max(0, wallMs - createWallMs))}${left}`;
}

/** @param {OperationSnapshot} operation */
function stateOf({ state, obstacle, failure, isRolloutStopped }) {
  if (state === "held") return `${STATES.held}: ${HELD}`;
  const partly = state === "done" && isRolloutStopped === false && failure === "" ? "not everything stopped" : "";
  const why = obstacle || failure || partly;
  return `${STATES[state]}${why === "" ? "" : `: ${why}`}`;
}
