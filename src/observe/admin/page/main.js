// The page's entry point: shows each snapshot, and says so plainly when no more arrive. Screen
// readers hear changes of state, not every number that changes.
import { showAccount } from "./account.js";
import { connect } from "./connection.js";
import { byId, setText } from "./dom.js";
import { showOperations } from "./operations.js";
import { showAbout, showAccounts, showTitle, stateOf } from "./overview.js";
import { timeOfDay, timeZone } from "./words.js";

/** @import { Snapshot } from "../snapshot.js" */

/** @type {Snapshot | undefined} */
let latest;
let isDue = false;
let announced = "";

connect(take, lose);

/** @param {Snapshot} snapshot */
function take(snapshot) {
  latest = snapshot;
  byId("lost").hidden = true;
  byId("main").classList.remove("stale");
  showTitle(snapshot);
  if (!isDue) requestAnimationFrame(show);
  isDue = true;
}

function lose() {
  const since = latest ? `The page shows the state at ${timeOfDay(latest.wallMs)}.` : "";
  const message = `No connection to the gateway. ${since} Reconnecting…`;
  setText(byId("lost"), message);
  byId("lost").hidden = false;
  byId("main").classList.add("stale");
  document.title = "No connection · ota-gateway";
  announce("No connection to the gateway");
}

function show() {
  isDue = false;
  if (!latest) return;
  const chosen = latest.accounts.find(({ name }) => name === chosenName()) ?? latest.accounts[0];
  if (!chosen) return;
  setText(byId("taken"), timeOfDay(latest.wallMs));
  setText(byId("zone"), timeZone());
  showAbout(latest);
  showAccounts(latest, chosen, choose);
  const state = stateOf(latest, chosen);
  showAccount(chosen, state);
  showOperations(latest);
  announce(`${latest.accounts.length > 1 ? `${chosen.name}: ` : ""}${state.state}`);
}

/** The fragment of the page's address remembers which account is selected. */
function chosenName() {
  try {
    return decodeURIComponent(location.hash.slice(1));
  } catch {
    return "";
  }
}

/** @param {string} name */
function choose(name) {
  history.replaceState(null, "", `#${encodeURIComponent(name)}`);
  show();
}

/** @param {string} message */
function announce(message) {
  if (message === announced) return;
  announced = message;
  setText(byId("announcement"), message);
}
