// Whose turn it is among the callers of one class. What is scarce is calls, so a call costs all of its
// seats: riders pay for those they fill, as far as their share goes, and whoever's turn it was pays for the
// rest. The next turn goes to whoever has paid least for their weight. No call is ever kept from those
// who want it; how far shares stray from the weights is stated in test/property/fair-share.test.ts.
// (Deficit round robin by virtual time: docs/adr/0008.)

/** A caller that has had nothing for so long has credit. */
const LATELY_MS = 1000;

/** How many turns pass between looking for callers that can be forgotten. */
const FORGET_EVERY = 256;

interface Account {
  /** What the caller has paid, by weight, on the scale of virtual time. */
  paid: number;
  /** The number of its last turn; 0 for none, less for one that was given back. */
  lastTurn: number;
  waits: boolean;
}

interface Candidate {
  readonly caller: string;
  readonly account: Account;
}

/** What each caller on board paid for a call. */
export type Bill = ReadonlyMap<string, number>;

export interface FairShareOptions {
  readonly seatsPerCall: number;
  readonly weightOf: (caller: string) => number;
  /** In whose name a caller has credit: all that nobody has proved to be who they are share one. */
  readonly creditNameOf: (caller: string) => string;
}

export class FairShare {
  readonly #options: FairShareOptions;
  readonly #accounts = new Map<string, Account>();
  readonly #servedMs = new Map<string, number>();
  /** Virtual time: what the caller of the last turn had paid before it. */
  #virtual = 0;
  #turns = 0;
  #lastByCredit = false;

  constructor(options: FairShareOptions) {
    this.#options = options;
  }

  /** The caller waits from now on, behind those who wait already: as if it had just had a call. */
  join(caller: string): void {
    const account = this.#accountOf(caller);
    account.paid = Math.max(account.paid, this.#virtual + this.#callCost(caller));
    account.waits = true;
  }

  /** The caller waits again with what a call left unsettled: it keeps the place that it has by what it has paid. */
  rejoin(caller: string): void {
    this.#accountOf(caller).waits = true;
  }

  /** The caller waits no more. What it has paid in advance is remembered for as long as it matters. */
  leave(caller: string): void {
    const account = this.#accounts.get(caller);
    if (account) account.waits = false;
  }

  /** Whose turn it is among those of `callers`, who have joined, that may go; undefined if none of them may. */
  turn(callers: Iterable<string>, nowMs: number, mayGo: (caller: string) => boolean): string | undefined {
    let next: Candidate | undefined;
    let credited: Candidate | undefined;
    for (const caller of callers) {
      const account = this.#accountOf(caller);
      const isNext = !next || goesBefore(account, next.account);
      const isCredited =
        !this.#lastByCredit && (!credited || goesBefore(account, credited.account)) && this.#hasCredit(caller, nowMs);
      // Asked of few: it may take looking through all that the caller waits for.
      if (!(isNext || isCredited) || !mayGo(caller)) continue;
      if (isNext) next = { caller, account };
      if (isCredited) credited = { caller, account };
    }
    if (!next) return undefined;
    this.#lastByCredit = credited !== undefined && credited.caller !== next.caller;
    return (credited ?? next).caller;
  }

  /** A call was cut in this caller's turn, with so many seats for each caller on board. Returns what each paid. */
  charge(caller: string, seats: ReadonlyMap<string, number>, nowMs: number): Bill {
    const { seatsPerCall, weightOf, creditNameOf } = this.#options;
    const payer = this.#accountOf(caller);
    payer.lastTurn = ++this.#turns;
    // A turn by credit skips those who have paid less: it must not take from them what they are owed.
    if (!this.#lastByCredit) this.#virtual = Math.max(this.#virtual, payer.paid);
    const bill = new Map<string, number>();
    const pay = (who: string, account: Account, filled: number) => {
      const price = filled / weightOf(who);
      account.paid = Math.max(account.paid, this.#virtual) + price;
      bill.set(who, price);
    };
    let unpaid = seatsPerCall;
    for (const [rider, filled] of seats) {
      this.#servedMs.set(creditNameOf(rider), nowMs);
      const account = this.#accountOf(rider);
      // Who is ahead of their share rides on seats that are lent: charging them would spare the payer.
      if (rider === caller || account.paid > this.#virtual + this.#callCost(rider)) continue;
      pay(rider, account, filled);
      unpaid -= filled;
    }
    pay(caller, payer, unpaid);
    if (this.#turns % FORGET_EVERY === 0) this.#forget(nowMs);
    return bill;
  }

  /** The call was turned away, for no fault of theirs: they go before all others again. */
  refund(bill: Bill): void {
    for (const [caller, price] of bill) {
      const account = this.#accounts.get(caller);
      if (!account) continue;
      account.paid -= price;
      account.lastTurn = -1; // before those who have paid as much
    }
  }

  #hasCredit(caller: string, nowMs: number): boolean {
    const servedMs = this.#servedMs.get(this.#options.creditNameOf(caller)) ?? -Infinity;
    return nowMs - servedMs >= LATELY_MS;
  }

  /** What a whole call costs this caller. */
  #callCost(caller: string): number {
    return this.#options.seatsPerCall / this.#options.weightOf(caller);
  }

  #accountOf(caller: string): Account {
    let account = this.#accounts.get(caller);
    if (!account) {
      account = { paid: 0, lastTurn: 0, waits: false };
      this.#accounts.set(caller, account);
    }
    return account;
  }

  #forget(nowMs: number): void {
    for (const [caller, { waits, paid }] of this.#accounts) {
      if (!waits && paid <= this.#virtual) this.#accounts.delete(caller);
    }
    for (const [name, servedMs] of this.#servedMs) if (nowMs - servedMs >= LATELY_MS) this.#servedMs.delete(name);
  }
}

function goesBefore(a: Account, b: Account): boolean {
  return a.paid < b.paid || (a.paid === b.paid && a.lastTurn < b.lastTurn);
}
