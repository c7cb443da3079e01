// Aligns columns: numbers to the right, words to the left.

/** Indents each line by two. The last column is not padded. */
export function table(rows: readonly (readonly (string | number)[])[]): string {
  const texts = rows.map((row) => row.map((cell) => (typeof cell === "number" ? cell.toLocaleString("en-US") : cell)));
  const widths = (texts[0] ?? []).map((_, column) => Math.max(...texts.map((row) => row[column]?.length ?? 0)));
  return texts
    .map((row, line) => {
      const cells = row.map((cell, column) => {
        if (typeof rows[line]?.[column] === "number") return cell.padStart(widths[column] ?? 0);
        return column === row.length - 1 ? cell : cell.padEnd(widths[column] ?? 0);
      });
      return `  ${cells.join("  ")}`.trimEnd();
    })
    .join("\n");
}
