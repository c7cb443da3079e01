// One account, in all its sections.
import { RESULTS } from "./call-row.js";
import { showCalls } from "./calls.js";
import { createChart } from "./chart.js";
import { arrange, byId, create, setAttribute, setText } from "./dom.js";
import { showTokens } from "./tokens.js";
import { showWaiting } from "./waiting.js";
import { duration, number, timeOfDay, wait } from "./words.js";

/** @import { LedgerMode } from "../../../gateway/limiter.js" */
/** @import { AccountSnapshot, AccountWords, ShownResult } from "../snapshot.js" */

/** @type {Readonly<Record<LedgerMode, string>>} */
const MODES = { "in-process": "In process", shared: "Shared", opening: "Opening", away: "Away" };

const showCallsChart = createChart(byId("calls-chart"), "Calls");
const showDevicesChart = createChart(byId("devices-chart"), "Devices");

/**
 * @param {AccountSnapshot} account
 * @param {Pick<AccountWords, "tone" | "state" | "meaning">} state
 */
export function showAccount(account, state) {
  showState(state);
  showFigures(account);
  showTokens(account.tokens);
  showLedger(account);
  showPace(account);
  showWaiting(account.waiting);
  showUpstream(account);
  showCalls(account.name, account.calls);
}

/** @param {Pick<AccountWords, "tone" | "state" | "meaning">} state */
function showState({ tone, state, meaning }) {
  setText(byId("state"), state);
  setText(byId("meaning"), meaning);
  setAttribute(byId("tone"), "href", `#tone-${tone}`);
  setAttribute(byId("state-card"), "class", `card state ${tone}`);
}

/** @param {AccountSnapshot} account */
function showFigures({ pace, tokens, waiting, totals }) {
  setText(byId("calls-now"), number(pace.callsLastSecond));
  setText(byId("calls-limit"), `of ${number(tokens.limit)}`);
  setText(byId("devices-now"), number(pace.devicesLastSecond));
  setText(byId("waiting-now"), number(waiting.devices));
  setText(byId("wait-now"), wait(waiting.classes.normal.expectedWaitMs));
  setText(byId("accepted"), number(totals.devicesAccepted));
}

/** @param {AccountSnapshot} account */
function showLedger({ mode, words, pausedForMs }) {
  setText(byId("mode"), MODES[mode]);
  setText(byId("ledger"), words.ledger);
  setText(byId("pause"), pausedForMs > 0 ? `Nothing is sent for another ${duration(pausedForMs)}.` : "None.");
}

/** @param {AccountSnapshot} account */
function showPace({ pace, tokens }) {
  showCallsChart(pace.calls, tokens.limit);
  showDevicesChart(pace.devices);
  setText(byId("calls-most"), `most in any second ${number(pace.mostCallsInASecond)}, allowed ${number(tokens.limit)}`);
  const [calls, devices] = [sum(pace.calls), sum(pace.devices)];
  const perCall = calls === 0 ? "" : `, ${number(Math.round(devices / calls))} a call`;
  setText(byId("devices-most"), `most ${number(Math.max(...pace.devices))}${perCall}`);
}

/** @param {AccountSnapshot} account */
function showUpstream({ totals, throttles, words }) {
  const results = byId("results");
  const kinds = /** @type {ShownResult[]} */ (Object.keys(RESULTS));
  const entries = kinds.map((kind, n) => {
    const entry = results.children[n] ?? create("div", {}, create("dt"), create("dd"));
    const [name, value] = entry.children;
    if (name) setText(name, RESULTS[kind]);
    if (value) setText(value, number(totals.calls[kind]));
    setAttribute(entry, "class", totals.calls[kind] > 0 ? kind : "none");
    return entry;
  });
  arrange(results, entries);
  const { lastWallMs, lastMinute } = throttles;
  const last =
    lastWallMs === undefined ? "Never." : `${timeOfDay(lastWallMs)}, ${number(lastMinute)} in the last minute.`;
  setText(byId("throttles"), last);
  setText(byId("others"), words.others);
}

/** @param {readonly number[]} counts */
function sum(counts) {
  return counts.reduce((total, count) => total + count, 0);
}
