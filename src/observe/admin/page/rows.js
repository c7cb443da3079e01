// Shows rows of text in a table, touching only cells that change.
import { arrange, create, setText } from "./dom.js";

/**
 * The first cell of each row is its heading.
 * @param {Element} body
 * @param {readonly (readonly string[])[]} rows
 * @param {number} [names] how many cells at the start of a row hold names or codes of others
 */
export function showRows(body, rows, names = 1) {
  const elements = rows.map((cells, n) => {
    const row = body.children[n] ?? newRow(cells.length, names);
    for (const [m, text] of cells.entries()) {
      const cell = row.children[m];
      if (cell) setText(cell.firstElementChild ?? cell, text);
    }
    return row;
  });
  arrange(body, elements);
}

/**
 * @param {number} cells
 * @param {number} names
 */
function newRow(cells, names) {
  const heading = create("th", { scope: "row" }, create("bdi"));
  const others = Array.from({ length: cells - 1 }, (_, n) =>
    create("td", {}, ...(n + 1 < names ? [create("bdi")] : [])),
  );
  return create("tr", {}, heading, ...others);
}
