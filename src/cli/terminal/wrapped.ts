// Breaks text between words into lines that fit a screen; lines after the first are indented.

/** Of a terminal that does not know its width, which then says 0. */
const USUAL_COLUMNS = 80;

export function wrapped(text: string, width: number): string {
  const columns = width || USUAL_COLUMNS;
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    const longer = line === "" ? word : `${line} ${word}`;
    if (longer.length < columns || line === "") {
      line = longer;
    } else {
      lines.push(line);
      line = `  ${word}`;
    }
  }
  return [...lines, line].join("\n");
}
