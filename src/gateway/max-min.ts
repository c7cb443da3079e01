// How the seats of one call are shared among those who want them: weighted max-min fairness in whole
// seats. Nobody gets more than they want, no seat stays empty while somebody wants it, and each seat goes
// to whoever has the least for their weight. What cannot be given in whole seats is owed to the next call,
// or rounding would give the light ones nothing, call after call. Pure.

/** One who wants seats. */
export interface Want {
  readonly seats: number;
  /** Above 0. */
  readonly weight: number;
  /** What is owed from calls before: less than a seat, either way. */
  readonly owed?: number;
}

export interface Share {
  readonly seats: number;
  /** To be wanted with the next call. */
  readonly owed: number;
}

/** Levels closer than this are taken for equal. */
const EXACTNESS = 1e-9;

/** The share of each, in the order of `wants`; among equals the earlier ones get what cannot be divided. */
export function maxMin(wants: readonly Want[], capacity: number): Share[] {
  const wanted = wants.reduce((sum, { seats }) => sum + seats, 0);
  if (wanted <= capacity) return wants.map(({ seats }) => ({ seats, owed: 0 }));
  // Water rises in vessels as wide as their weights until it has filled all seats.
  let low = -1; // below 0, for as much as a whole seat may be owed to more than there are seats
  let high = 0;
  for (const { seats, weight, owed = 0 } of wants) high = Math.max(high, (seats - owed) / weight);
  while (high - low > EXACTNESS) {
    const middle = (low + high) / 2;
    if (isOver(capacity, middle, wants)) high = middle;
    else low = middle;
  }
  let left = capacity - wants.reduce((sum, want) => sum + seatsAt(low, want), 0);
  return wants.map((want) => {
    let seats = seatsAt(low, want);
    if (left > 0 && seats < seatsAt(high, want)) {
      seats++; // one more, at the level where the water stands
      left--;
    }
    return { seats, owed: seats < want.seats ? low * want.weight + (want.owed ?? 0) - seats : 0 };
  });
}

/** Whether it takes more seats than there are to fill all to this level. */
function isOver(capacity: number, level: number, wants: readonly Want[]): boolean {
  let sum = 0;
  for (const want of wants) {
    sum += seatsAt(level, want);
    if (sum > capacity) return true;
  }
  return false;
}

function seatsAt(level: number, { seats, weight, owed = 0 }: Want): number {
  return Math.max(Math.min(seats, Math.floor(level * weight + owed + EXACTNESS)), 0);
}
