// Shows one upstream call in the list: when it was sent, its size, its callers, and the answer.
import { byId, create, setText } from "./dom.js";
import { duration, exactTime, number } from "./words.js";

/** @import { ShownResult, CallSnapshot } from "../snapshot.js" */

/** @type {Readonly<Record<ShownResult, string>>} */
export const RESULTS = {
  accepted: "accepted",
  refused: "refused",
  throttled: "throttled",
  lost: "no answer",
  unwritten: "not sent",
};

/**
 * Creates the row of a call. `show` updates it when the call progresses.
 * @param {CallSnapshot} call
 */
export function createCallRow(call) {
  const took = cell("took brief");
  const badge = create("span");
  const attempt = create("small", { class: "attempt" }, call.attempt > 1 ? `attempt ${call.attempt}` : "");
  const code = create("bdi", { class: "code" });
  const requestId = create("code", { class: "request-id" });
  const copy = create("button", { type: "button", class: "copy", hidden: "" }, "Copy");
  copy.addEventListener("click", () => copyText(requestId));
  const element = create(
    "tr",
    { role: "row" },
    cell("sent brief", exactTime(call.sentWallMs)),
    cell(
      "devices brief",
      number(call.devices),
      create("span", { class: "unit" }, call.devices === 1 ? " device" : " devices"),
    ),
    cell("for", callersOf(call), scopeOf(call)),
    took,
    cell("answer", badge, " ", attempt, " ", code),
    cell("request", requestId, " ", copy),
  );
  return {
    element,
    /** @param {CallSnapshot} now */
    show(now) {
      setText(took, now.durationMs === undefined ? "…" : duration(now.durationMs));
      setText(badge, now.result ? RESULTS[now.result] : "in flight");
      badge.className = `badge ${now.result ?? "under-way"}`;
      setText(code, now.code ?? "");
      setText(requestId, now.requestId ?? "–");
      copy.hidden = !now.requestId;
      if (now.requestId) copy.setAttribute("aria-label", `Copy request ID ${now.requestId}`);
    },
  };
}

/**
 * @param {string} look its classes in calls.css
 * @param {...(Node | string)} children
 */
function cell(look, ...children) {
  return create("td", { role: "cell", class: `cell ${look}` }, ...children);
}

/** @param {CallSnapshot} call */
function callersOf({ callers, otherCallers }) {
  const line = create("div", { class: "callers" });
  for (const { caller, devices } of callers) {
    if (line.hasChildNodes()) line.append(", ");
    line.append(create("bdi", {}, caller), ` ${number(devices)}`);
  }
  if (otherCallers > 0) line.append(` and ${number(otherCallers)} more`);
  return line;
}

/** @param {CallSnapshot} call */
function scopeOf({ productKey, firmwareId, jobId }) {
  const line = create("div", { class: "scope" });
  for (const text of [productKey, firmwareId, jobId ? `job ${jobId}` : "all jobs"]) {
    if (line.hasChildNodes()) line.append(" · ");
    line.append(create("bdi", {}, text));
  }
  return line;
}

/**
 * Copies the text. Browsers offer the clipboard to trusted pages only; otherwise the text is
 * selected, for copying by hand.
 * @param {Element} element
 */
async function copyText(element) {
  let said = "Copied";
  try {
    await navigator.clipboard.writeText(element.textContent ?? "");
  } catch {
    document.getSelection()?.selectAllChildren(element);
    said = "Selected; copy it with the keyboard";
  }
  setText(byId("announcement"), said);
}
