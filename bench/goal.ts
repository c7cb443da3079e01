// One figure of a measurement and what it may be.
export interface Goal {
  readonly name: string;
  readonly value: number;
  readonly least?: number;
  readonly most?: number;
}

export function isReached({ value, least = -Infinity, most = Infinity }: Goal): boolean {
  return value >= least && value <= most;
}

export function describeGoal(goal: Goal): string {
  const bound = goal.most === undefined ? `at least ${goal.least}` : `at most ${goal.most}`;
  const value = Number.isInteger(goal.value) ? String(goal.value) : goal.value.toFixed(3);
  return `${isReached(goal) ? "ok  " : "MISS"}  ${goal.name.padEnd(60)} ${value.padStart(8)}  (${bound})`;
}
