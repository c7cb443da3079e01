// An entry of a list of devices, whatever its format: one for each place where a name should be.

export interface NameLine {
  /** Counted from 1; 0 for an argument. */
  readonly line: number;
  /** The thing that `line` counts; lines, if absent. */
  readonly unit?: "item";
  /** The name as written; undefined if none could be read. */
  readonly name: string | undefined;
  /** Why no name could be read, to follow "line 7", like "is not JSON". */
  readonly problem?: string;
}

/** The name of one place, or the reason why it has none. */
export type FoundName = Pick<NameLine, "name" | "problem">;

/** The list as a whole cannot be used. The message says what to do. */
export class UnreadableNames extends Error {
  override readonly name = "UnreadableNames";
}

export function noName(problem: string): FoundName {
  return { name: undefined, problem };
}

/** The longest line and the longest record of a list. */
export const LONGEST_LINE_CHARS = 65_536;
