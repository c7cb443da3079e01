// Shows which devices wait, and for how long: by class, and by caller.
import { byId, setText } from "./dom.js";
import { showRows } from "./rows.js";
import { count, duration, number, wait } from "./words.js";

/** @import { Priority } from "../../../gateway/command.js" */
/** @import { CallerSnapshot, Waiting } from "../snapshot.js" */

/** @type {readonly (readonly [Priority, string])[]} */
const CLASSES = [
  ["urgent", "Urgent"],
  ["normal", "Normal"],
  ["bulk", "Bulk"],
];

/** @param {Waiting} waiting */
export function showWaiting(waiting) {
  const classes = CLASSES.map(([key, name]) => {
    const { devices, expectedWaitMs } = waiting.classes[key];
    return [name, number(devices), wait(expectedWaitMs)];
  });
  showRows(byId("classes"), classes);
  const callers = waiting.topCallers.map((each) => [
    each.caller,
    number(each.waiting),
    doneIn(each),
    number(each.sentLastMinute),
  ]);
  const { otherCallers } = waiting;
  if (otherCallers.callers > 0) {
    const name = `and ${count(otherCallers.callers, "other", "others")}`;
    callers.push([name, number(otherCallers.devices), "–", number(otherCallers.sentLastMinute)]);
  }
  if (callers.length === 0) callers.push(["none in the last minute", "0", "–", "0"]);
  showRows(byId("callers"), callers);
  const { oldestMs } = waiting;
  setText(
    byId("oldest"),
    oldestMs === undefined ? "" : `The oldest unanswered request has waited ${duration(oldestMs)}.`,
  );
}

/** @param {CallerSnapshot} caller */
function doneIn({ waiting, doneInMs, isMoreToCome }) {
  if (doneInMs !== undefined) return `${isMoreToCome ? "at least " : ""}${duration(doneInMs)}`;
  return waiting > 0 ? "unknown" : "–";
}
