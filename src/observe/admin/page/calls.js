// The list of the last upstream calls. It stays still while the operator reads in it: with ten new
// calls a second, a row would move away just as its request ID is about to be copied.
import { createCallRow } from "./call-row.js";
import { arrange, byId, setText } from "./dom.js";
import { count } from "./words.js";

/** @import { CallSnapshot } from "../snapshot.js" */

const SHOWN = 20;

/** The page remembers more calls than it shows, for searching. */
const REMEMBERED = 500;

/** @type {Map<number, CallSnapshot>} */
const seen = new Map();

/** @type {Map<number, ReturnType<typeof createCallRow>>} */
const rows = new Map();

/** @type {readonly number[]} */
let shown = [];
let account = "";

const body = byId("calls");
const hold = byId("hold");
const find = /** @type {HTMLInputElement} */ (byId("find"));
const troubled = /** @type {HTMLInputElement} */ (byId("troubled"));

// On a narrow screen the rows are not laid out as a table. For screen readers they still are one.
const ROLES = { thead: "rowgroup", tbody: "rowgroup", tr: "row", th: "columnheader" };
const table = body.parentElement;
table?.setAttribute("role", "table");
for (const [tag, role] of Object.entries(ROLES)) {
  for (const part of table?.querySelectorAll(tag) ?? []) part.setAttribute("role", role);
}

hold.addEventListener("click", () => {
  hold.setAttribute("aria-pressed", `${hold.getAttribute("aria-pressed") !== "true"}`);
  show();
});
find.addEventListener("input", () => show("refresh"));
troubled.addEventListener("change", () => show("refresh"));

/**
 * @param {string} name
 * @param {readonly CallSnapshot[]} calls newest first
 */
export function showCalls(name, calls) {
  const newest = calls[0]?.number ?? 0;
  // Either another account, or a gateway that has restarted and counts from 1.
  if (name !== account || newest < Math.max(0, ...seen.keys())) {
    seen.clear();
    rows.clear();
    shown = [];
  }
  account = name;
  for (const call of calls.toReversed()) seen.set(call.number, call);
  for (const number of seen.keys()) {
    if (seen.size <= REMEMBERED) break;
    if (!shown.includes(number)) seen.delete(number);
  }
  show();
}

/** @param {"refresh"} [refresh] update the list even if it is held, because the search changed */
function show(refresh) {
  const wanted = [...seen.values()].filter(isWanted).sort((a, b) => b.number - a.number);
  const isHeld = shown.length > 0 && !refresh && (hold.getAttribute("aria-pressed") === "true" || isBeingRead());
  if (!isHeld) shown = wanted.slice(0, SHOWN).map(({ number }) => number);
  const elements = shown.flatMap((number) => {
    const call = seen.get(number);
    if (!call) return [];
    const row = rows.get(number) ?? createCallRow(call);
    rows.set(number, row);
    row.show(call);
    return [row.element];
  });
  arrange(body, elements);
  for (const number of rows.keys()) if (!shown.includes(number)) rows.delete(number);
  const newer = wanted.filter(({ number }) => number > (shown[0] ?? 0)).length;
  setText(byId("held"), isHeld ? `Held${newer > 0 ? `; ${count(newer, "newer call", "newer calls")}` : ""}` : "");
  byId("no-calls").hidden = shown.length > 0;
  setText(byId("no-calls"), seen.size === 0 ? "No calls yet." : "No matching calls.");
}

/** @param {CallSnapshot} call */
function isWanted(call) {
  if (troubled.checked && (call.result === undefined || call.result === "accepted")) return false;
  const { requestId = "", code = "", productKey, firmwareId, jobId, callers, result = "" } = call;
  const text = [requestId, code, productKey, firmwareId, jobId, result, ...callers.map(({ caller }) => caller)];
  const sought = find.value.trim().toLowerCase();
  return text.some((each) => each.toLowerCase().includes(sought));
}

function isBeingRead() {
  if (body.contains(document.activeElement)) return true;
  const selection = document.getSelection();
  return selection?.type === "Range" && body.contains(selection.anchorNode);
}
