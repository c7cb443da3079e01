// The lines of a text that arrives in pieces, with a bound to what one line can cost: a file that is not
// ours may be gigabytes without a line's end.

export interface Line {
  /** From 1 on. */
  readonly number: number;
  /** Undefined if it is longer than allowed. */
  readonly text: string | undefined;
}

/** Empty lines are passed over, but counted. */
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
    // A line that is too long already is only looked through for its end.
    begun = isTooLong ? "" : begun + first;
    for (const next of others) {
      yield* lineOf(begun);
      number++;
      isTooLong = false;
      begun = next;
    }
    isTooLong ||= begun.length > longestChars + 1; // it may end in a carriage return
  }
  yield* lineOf(isTooLong ? "" : begun);
}
