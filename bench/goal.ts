// The result of a measurement: figures with their bounds, and the data of the pictures.

/** One figure. Without a bound, it is only reported. */
export interface Goal {
  readonly name: string;
  readonly value: number;
  readonly least?: number;
  readonly most?: number;
}

export interface Measured<Figures = unknown> {
  readonly goals: readonly Goal[];
  readonly figures: Figures;
}

/**
 * `isShort`: for `--check`, seconds instead of minutes, and bounds with room for a busy machine.
 */
export type Scenario<Figures = unknown> = (isShort: boolean) => Promise<Measured<Figures>>;

export function isReached({ value, least = -Infinity, most = Infinity }: Goal): boolean {
  return value >= least && value <= most;
}

/** In words; "as found" if there is no bound. */
export function boundOf({ least, most }: Goal): string {
  if (most !== undefined) return `at most ${most}`;
  return least === undefined ? "as found" : `at least ${least}`;
}

export function describeGoal(goal: Goal): string {
  const { name, value } = goal;
  const bound = boundOf(goal);
  const verdict = bound === "as found" ? "    " : isReached(goal) ? "ok  " : "MISS";
  const shown = Number.isInteger(value) ? String(value) : value.toFixed(Math.abs(value) < 100 ? 3 : 1);
  return `${verdict}  ${name.padEnd(66)} ${shown.padStart(9)}  (${bound})`;
}
