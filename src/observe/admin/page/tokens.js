// Shows the account's tokens: one symbol for each, with a distinct shape and color for each state,
// or a bar if there are too many to take in.
import { byId, create, createSvg, setAttribute, setText } from "./dom.js";
import { count, number } from "./words.js";

/** @import { TokenCounts } from "../snapshot.js" */

const MOST_LAMPS = 50;

/**
 * @type {readonly {
 *   readonly key: "inFlight" | "cooling" | "free" | "withheld",
 *   readonly name: string,
 *   readonly word: string,
 * }[]}
 */
const KINDS = [
  { key: "inFlight", name: "in-flight", word: "in flight" },
  { key: "cooling", name: "cooling", word: "cooling" },
  { key: "free", name: "free", word: "free" },
  { key: "withheld", name: "withheld", word: "withheld" },
];

/** @param {TokenCounts} tokens */
export function showTokens(tokens) {
  const box = byId("tokens");
  box.classList.toggle("as-bar", tokens.limit > MOST_LAMPS);
  if (tokens.limit > MOST_LAMPS) showBar(box, tokens);
  else showLamps(box, tokens);
  const parts = KINDS.map(({ key, word }) => `${number(tokens[key])} ${word}`);
  setAttribute(box, "aria-label", `${count(tokens.limit, "token", "tokens")}: ${parts.join(", ")}`);
  for (const { key, name } of KINDS) setText(byId(`tokens-${name}`), number(tokens[key]));
}

/**
 * @param {Element} box
 * @param {TokenCounts} tokens
 */
function showLamps(box, tokens) {
  if (box.children.length !== tokens.limit || box.querySelector("div")) {
    const lamps = Array.from({ length: tokens.limit }, () => {
      const lamp = createSvg("svg", { "aria-hidden": "true" });
      lamp.append(createSvg("use"));
      return lamp;
    });
    box.replaceChildren(...lamps);
  }
  const names = KINDS.flatMap(({ key, name }) => Array.from({ length: tokens[key] }, () => name));
  for (const [n, lamp] of [...box.children].entries()) {
    const name = names[n] ?? "free";
    setAttribute(lamp, "class", `lamp ${name}`);
    if (lamp.firstElementChild) setAttribute(lamp.firstElementChild, "href", `#token-${name}`);
  }
}

/**
 * @param {Element} box
 * @param {TokenCounts} tokens
 */
function showBar(box, tokens) {
  if (!box.querySelector("div")) {
    box.replaceChildren(...KINDS.map(({ name }) => create("div", { class: `part ${name}` })));
  }
  for (const [n, { key }] of KINDS.entries()) {
    const part = /** @type {HTMLElement} */ (box.children[n]);
    part.style.flexGrow = `${tokens[key]}`;
  }
}
