// Draws one bar for each second of the last minute, a second one on top of it for what was not
// accepted, and a line for the limit if there is one. The current second is paler, because it is
// incomplete.
import { createSvg, setAttribute } from "./dom.js";
import { number } from "./words.js";

const SECONDS = 61;
const SLOT = 10;
const HEIGHT = 100;

/**
 * Creates a chart, and returns the function that shows new numbers in it.
 * @param {Element} svg
 * @param {string} what the thing that is counted
 */
export function createChart(svg, what) {
  setAttribute(svg, "viewBox", `0 0 ${SECONDS * SLOT} ${HEIGHT}`);
  setAttribute(svg, "preserveAspectRatio", "none");
  const bars = Array.from({ length: SECONDS }, (_, n) => {
    const isComplete = n < SECONDS - 1;
    return createSvg("rect", { x: `${n * SLOT + 1}`, width: `${SLOT - 2}`, class: isComplete ? "bar" : "bar begun" });
  });
  const base = createSvg("line", { x1: "0", x2: `${SECONDS * SLOT}`, y1: `${HEIGHT}`, y2: `${HEIGHT}`, class: "base" });
  const line = createSvg("line", { x1: "0", x2: `${SECONDS * SLOT}`, class: "limit" });
  const tops = bars.map((bar, n) => {
    const x = bar.getAttribute("x") ?? "";
    return createSvg("rect", { x, width: `${SLOT - 2}`, class: n < SECONDS - 1 ? "top" : "top begun" });
  });
  svg.append(...bars, ...tops, base, line);

  /**
   * @param {readonly number[]} values
   * @param {{ readonly limit?: number, readonly notAccepted?: readonly number[] }} more
   */
  return (values, { limit, notAccepted = [] }) => {
    const most = Math.max(...values.map((value, n) => value + (notAccepted[n] ?? 0)), 1);
    const top = Math.max(most, limit ?? 0) * 1.1;
    for (const [n, bar] of bars.entries()) {
      const height = ((values[n] ?? 0) / top) * HEIGHT;
      setAttribute(bar, "y", (HEIGHT - height).toFixed(1));
      setAttribute(bar, "height", height.toFixed(1));
      bar.classList.toggle("over", limit !== undefined && (values[n] ?? 0) > limit);
      const extra = ((notAccepted[n] ?? 0) / top) * HEIGHT;
      const above = tops[n];
      if (!above) continue;
      setAttribute(above, "y", (HEIGHT - height - extra).toFixed(1));
      setAttribute(above, "height", extra.toFixed(1));
    }
    line.classList.toggle("absent", limit === undefined);
    const y = (HEIGHT - ((limit ?? 0) / top) * HEIGHT).toFixed(1);
    setAttribute(line, "y1", y);
    setAttribute(line, "y2", y);
    const least = Math.min(...values.slice(0, -1));
    const bound = limit === undefined ? "" : `, limit ${number(limit)}`;
    const spread = `from ${number(least)} to ${number(Math.max(...values))}`;
    const others = Math.max(0, ...notAccepted);
    const not = others > 0 ? `; up to ${number(others)} not accepted` : "";
    setAttribute(svg, "aria-label", `${what} in each of the last 60 seconds: ${spread}${bound}${not}`);
  };
}
