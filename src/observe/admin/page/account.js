// Shows one account in all sections of the page.
import { showReadings, showRefusals } from "./beside.js";
import { RESULTS } from "./call-row.js";
import { showCalls } from "./calls.js";
import { createChart } from "./chart.js";
import { arrange, byId, create, setAttribute, setText } from "./dom.js";
import { MODES } from "./modes.js";
import { showTokens } from "./tokens.js";
import { showWaiting } from "./waiting.js";
import { duration, number, timeOfDay, wait } from "./words.js";

/** @import { AccountSnapshot, AccountWords, ShownResult } from "../snapshot.js" */

const showCallsChart = createChart(byId("calls-chart"), "Calls");
const showDevicesChart = createChart(byId("devices-chart"), "Accepted devices");

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
  showRefusals(account.refusals);
  showReadings(account.readings);
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
  setText(byId("accepted-now"), number(pace.acceptedLastSecond));
  setText(byId("not-accepted-now"), number(pace.notAcceptedLastSecond));
  byId("not-accepted").classList.toggle("some", pace.notAcceptedLastSecond > 0);
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
  showCallsChart(pace.calls, { limit: tokens.limit });
  showDevicesChart(pace.accepted, { notAccepted: pace.notAccepted });
  setText(byId("calls-most"), `peak ${number(pace.mostCallsInASecond)} in any second, limit ${number(tokens.limit)}`);
  const [calls, devices] = [sum(pace.calls), sum(pace.devices)];
  const perCall = calls === 0 ? "" : `, ${number(Math.round(devices / calls))} per call`;
  setText(byId("devices-most"), `peak ${number(Math.max(...pace.accepted))} accepted${perCall}`);
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
