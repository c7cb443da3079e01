// Who waits, and how long: by class, and by caller.
import { arrange, byId, create, setText } from "./dom.js";
import { count, duration, number, wait } from "./words.js";

/** @import { Priority } from "../../../gateway/command.js" */
/** @import { Waiting } from "../snapshot.js" */

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
  const callers = waiting.topCallers.map(({ caller, waiting: devices, sentLastMinute, doneInMs }) => [
    caller,
    number(devices),
    doneInMs === undefined ? "–" : duration(doneInMs),
    number(sentLastMinute),
  ]);
  const { otherCallers } = waiting;
  if (otherCallers.callers > 0) {
    const name = `and ${count(otherCallers.callers, "other", "others")}`;
    callers.push([name, number(otherCallers.devices), "–", number(otherCallers.sentLastMinute)]);
  }
  if (callers.length === 0) callers.push(["nobody in the last minute", "0", "–", "0"]);
  showRows(byId("callers"), callers);
  const { oldestMs } = waiting;
  setText(
    byId("oldest"),
    oldestMs === undefined ? "" : `The oldest request has waited ${duration(oldestMs)} for its answer.`,
  );
}

/**
 * The first cell of each row is its heading.
 * @param {Element} body
 * @param {readonly (readonly string[])[]} rows
 */
function showRows(body, rows) {
  const elements = rows.map((cells, n) => {
    const row = body.children[n] ?? newRow(cells.length);
    for (const [m, text] of cells.entries()) {
      const cell = row.children[m];
      if (cell) setText(cell.firstElementChild ?? cell, text);
    }
    return row;
  });
  arrange(body, elements);
}

/** @param {number} cells */
function newRow(cells) {
  const heading = create("th", { scope: "row" }, create("bdi"));
  return create("tr", {}, heading, ...Array.from({ length: cells - 1 }, () => create("td")));
}
