// Who paid what for a call, and how it is given back.

/** What somebody has paid for calls. */
export interface Meter {
  /** Whose it is; undefined for the ideal. */
  readonly caller?: string;
  /** In calls, by weight. */
  paid: number;
  /** The number of the last call it paid for; 0 for none since it came, less for one that was given back. */
  lastCall: number;
}

/** Who paid what for a call, in calls, by weight. */
export type Bill = ReadonlyMap<Meter, number>;

/** The call was turned away, for no fault of theirs: all is as if it had not been. */
export function refund(bill: Bill): void {
  for (const [meter, price] of bill) {
    meter.paid -= price;
    meter.lastCall = -1; // before those who would be a call behind at the same time
  }
}
