// Shows the state of the gateway in the head of the page, and the account that is selected. The
// title shows the account in the worst state, for operators who keep the page in a background tab.
import { arrange, byId, create, setAttribute, setText } from "./dom.js";
import { count, dayAndTime } from "./words.js";

/** @import { AccountSnapshot, AccountWords, Snapshot } from "../snapshot.js" */

const GRAVITY = { good: 0, wait: 1, bad: 2 };

/** @type {Pick<AccountWords, "tone" | "state" | "meaning">} */
const DRAINING = {
  tone: "wait",
  state: "Draining",
  meaning: "The gateway is shutting down. New requests are refused; admitted ones are still answered.",
};

/**
 * @param {Snapshot} snapshot
 * @param {AccountSnapshot} account
 */
export function stateOf(snapshot, account) {
  return snapshot.readiness === "draining" ? DRAINING : account.words;
}

/**
 * Says which gateway this is.
 * @param {Snapshot} snapshot
 */
export function showAbout({ about: { instance, version, startedWallMs } }) {
  setText(byId("instance"), instance);
  setText(byId("version"), `version ${version},`);
  setText(byId("started"), `started ${dayAndTime(startedWallMs)}`);
}

/** @param {Snapshot} snapshot */
export function showTitle(snapshot) {
  const { accounts } = snapshot;
  const worst = accounts.toSorted((a, b) => GRAVITY[b.words.tone] - GRAVITY[a.words.tone])[0];
  if (!worst) return;
  const waiting = accounts.reduce((sum, { waiting: { devices } }) => sum + devices, 0);
  const name = accounts.length > 1 ? ` (${worst.name})` : "";
  const title = `${stateOf(snapshot, worst).state}${name}, ${count(waiting, "device waits", "devices wait")} · ota-gateway`;
  if (document.title !== title) document.title = title;
}

/**
 * Shows one button for each account, if there are several.
 * @param {Snapshot} snapshot
 * @param {AccountSnapshot} chosen
 * @param {(name: string) => void} choose
 */
export function showAccounts(snapshot, chosen, choose) {
  const bar = byId("accounts");
  bar.hidden = snapshot.accounts.length < 2;
  const buttons = snapshot.accounts.map((account, n) => {
    const button = bar.children[n] ?? newButton(choose);
    const [name, state] = button.children;
    if (name) setText(name, account.name);
    if (state) setText(state, stateOf(snapshot, account).state);
    setAttribute(button, "aria-pressed", `${account === chosen}`);
    setAttribute(button, "class", `account ${account.words.tone}`);
    return button;
  });
  arrange(bar, buttons);
}

/** @param {(name: string) => void} choose */
function newButton(choose) {
  const name = create("bdi");
  const button = create("button", { type: "button" }, name, " ", create("small"));
  button.addEventListener("click", () => choose(name.textContent ?? ""));
  return button;
}
