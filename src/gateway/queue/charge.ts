// What each caller was charged for a call, and how it is refunded.

/** What a caller has paid for calls: its virtual time. */
export interface VirtualClock {
  /** Whose it is; undefined for the ideal. */
  readonly caller?: string;
  /** In calls, by weight. */
  paid: number;
  /** The number of the last call it paid for; 0 for none since it came, less for one that was given back. */
  lastCall: number;
}

/** Who paid what for a call, in calls, by weight. */
export type Charge = ReadonlyMap<VirtualClock, number>;

/** The call was turned away, for no fault of theirs: all is as if it had not been. */
export function refund(charge: Charge): void {
  for (const [virtualClock, price] of charge) {
    virtualClock.paid -= price;
    virtualClock.lastCall = -1; // before those who would be a call behind at the same time
  }
}
