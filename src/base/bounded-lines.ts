// Splits a text that arrives in pieces into lines, and bounds what one line can cost: a file from
// elsewhere may hold gigabytes without a line end.

export interface Line {
  /** Counted from 1. */
  readonly number: number;
  /** Undefined if the line is longer than allowed. */
  readonly text: string | undefined;
}

/** Yields the lines. Empty ones are skipped, but counted. */
export async function* boundedLines(pieces: AsyncIterable<string>, longestChars: number): AsyncGenerator<Line> {
  let number = 1;
  let begun = "";
  let isTooLong = false;
  const lineOf = (text: string): Line[] => {
    const line = text.endsWith("\r") ? text.slice(0, -1) : text;
    isTooLong ||= line.length > longestChars;
    return isTooLong ? [{ number, text: undefined }] : line === "" ? [] : [{ number, text: line }];
  };
  for await (const piece of pieces) {
    const [first = "", ...others] = piece.split("\n");
    // Once a line is too long, only its end is looked for.
    begun = isTooLong ? "" : begun + first;
    for (const next of others) {
      yield* lineOf(begun);
      number++;
      isTooLong = false;
      begun = next;
    }
    isTooLong ||= begun.length > longestChars + 1; // the line may end in a carriage return
  }
  yield* lineOf(isTooLong ? "" : begun);
}
