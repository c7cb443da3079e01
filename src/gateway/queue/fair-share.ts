// Decides which caller of a class has the next call. Calls are what is scarce, so a call costs all of its seats: callers
// that share it pay for the seats they fill, up to their part of the call, and the caller whose turn it was pays for the
// rest. A caller's payments, divided by its weight, are its virtual time; the ideal is that of a caller with exactly its
// share. Of the callers not ahead of the ideal, the turn goes to the one that would be a call behind it first. Invariant,
// while all may go and no call is refunded: nobody who waits is a call behind, or more than one ahead (docs/adr/0008).
/** A caller without a seat for so long has credit: it may go first. */
const LATELY_MS = 1000;

/** In calls: being ahead by less counts as even, since thirds and tenths do not add up to one. */
const EXACTNESS = 1e-9;

/** How many calls pass between two searches for callers that can be forgotten. */
const FORGET_EVERY = 256;

/** How much a caller has paid for calls: its virtual time. */
export interface VirtualClock {
  /** Undefined for the ideal, which always has exactly its share. */
  readonly caller?: string;
  /** In calls, divided by the caller's weight. */
  paid: number;
  /** The number of the last call it paid for; 0 for none since it came, less for one that was refunded. */
  lastCall: number;
}

/** What each paid for one call, in calls divided by weight. */
export type Charge = ReadonlyMap<VirtualClock, number>;

interface Account extends VirtualClock {
  readonly caller: string;
  weight: number;
  /** What a call costs it: 1 / weight. */
  callPrice: number;
  /** It has no credit before that. */
  creditMs: number;
}

/** The caller of the next call, and whether it goes first only because it has had nothing lately. */
export interface Turn {
  readonly caller: string;
  readonly byCredit: boolean;
}

export interface FairShareOptions {
  readonly seatsPerCall: number;
  /** Above 0. */
  readonly weightOf: (caller: string) => number;
  /** The name a caller's credit is kept under. All callers without a proven identity share one. */
  readonly creditNameOf: (caller: string) => string;
}

export class FairShare {
  readonly #options: FairShareOptions;
  readonly #servedMs: Map<string, number>;
  readonly #accounts = new Map<string, Account>();
  readonly #ideal: VirtualClock = { paid: 0, lastCall: 0 };
  /** Callers that wait, in the order they came. */
  readonly #waiting = new Set<Account>();
  /** Callers that left while they were ahead: they still have a part in each call. */
  readonly #ahead = new Set<Account>();
  #waitingWeight = 0;
  #calls = 0;
  /** Where the latest call began, in virtual time; -Infinity if there was none since somebody waits. */
  #latest = -Infinity;
  #wasByCredit = false;
  /** Callers may be ahead by more than a call, through calls that did not move the ideal. */
  #isUncapped = false;

  /** `servedMs`: when each credit name last had a seat; the classes share it. */
  constructor(options: FairShareOptions, servedMs = new Map<string, number>()) {
    this.#options = options;
    this.#servedMs = servedMs;
  }

  /** The caller begins to wait, behind those that do: as if it had had the latest call. */
  join(caller: string): void {
    if (this.#waiting.size === 0) {
      // Everybody starts even.
      for (const { paid } of this.#accounts.values()) this.#ideal.paid = Math.max(this.#ideal.paid, paid);
      this.#latest = -Infinity;
    }
    const account = this.#accountOf(caller);
    // A caller that is ahead goes on as if it had never left.
    if (!this.#isAhead(account)) {
      account.paid = Math.max(Math.min(this.#latest, this.#ideal.paid) + account.callPrice, this.#ideal.paid);
      account.lastCall = 0;
    }
    this.#wait(account);
  }

  /** The caller waits again for what a refunded call left unsettled. What it has paid decides its place. */
  rejoin(caller: string): void {
    const account = this.#accountOf(caller);
    // It did not wait meanwhile, so it is owed the refund and no more than one call.
    const owed = account.lastCall < 0 ? account.callPrice : 0;
    account.paid = Math.max(account.paid, this.#ideal.paid - owed);
    this.#wait(account);
  }

  /** The caller no longer waits. What it has paid in advance is remembered as long as it matters. */
  leave(caller: string): void {
    const account = this.#accounts.get(caller);
    if (!account || !this.#waiting.delete(account)) return;
    this.#waitingWeight -= account.weight;
    if (account.lastCall === 0) this.#accounts.delete(caller);
    else if (this.#isAhead(account)) this.#ahead.add(account);
  }

  /** The turn among the callers that wait and may go; undefined if none may. `charge` is to be called with it. */
  turn(nowMs: number, mayGo: (caller: string) => boolean): Turn | undefined {
    let next: Account | undefined;
    let credited: Account | undefined;
    let least = Infinity;
    for (const account of this.#waiting) {
      this.#weigh(account);
      least = Math.min(least, account.paid);
      const isNext = !next || this.#goesBefore(account, next);
      const isCredited =
        !this.#wasByCredit && (!credited || this.#goesBefore(account, credited)) && this.#hasCredit(account, nowMs);
      // Asked last and rarely: it may take looking through all that the caller waits for.
      if (!(isNext || isCredited) || !mayGo(account.caller)) continue;
      if (isNext) next = account;
      if (isCredited) credited = account;
    }
    if (!next) return undefined;
    // If everybody is ahead, the share of callers that have left is free, and goes to them.
    this.#ideal.paid = Math.max(this.#ideal.paid, least);
    if (this.#isUncapped && !this.#isAhead(next)) {
      for (const each of this.#accounts.values()) each.paid = Math.min(each.paid, this.#ideal.paid + each.callPrice);
      this.#isUncapped = false;
    }
    return { caller: (credited ?? next).caller, byCredit: credited !== undefined && credited !== next };
  }

  /** A call was cut in this turn, with so many seats for each caller in it. All of them still wait. */
  charge({ caller, byCredit }: Turn, seats: ReadonlyMap<string, number>, nowMs: number): Charge {
    const { seatsPerCall, creditNameOf } = this.#options;
    const charge = new Map<VirtualClock, number>();
    const pay = (virtualClock: VirtualClock, price: number) => {
      virtualClock.paid += price;
      charge.set(virtualClock, price);
    };
    this.#calls++;
    this.#wasByCredit = byCredit;
    const payer = this.#accountOf(caller);
    // A call by credit, or one that no caller that was due could use, does not move the ideal: it must not take from the
    // others what they are owed, nor put off its own caller for more than a call.
    const isBeside = byCredit || this.#isAhead(payer);
    const share = isBeside ? 0 : 1 / this.#weight();
    if (isBeside) this.#isUncapped = true;
    else this.#latest = Math.max(this.#latest, payer.paid);
    pay(this.#ideal, share);
    let unpaid = 1;
    for (const [sharer, filled] of seats) {
      this.#servedMs.set(creditNameOf(sharer), nowMs);
      const account = this.#accounts.get(sharer);
      if (sharer === caller || !account || !this.#waiting.has(account)) continue;
      // Seats beyond its part are lent. If sharers paid for those too, the caller whose turn it was would pay next to
      // nothing, and could keep the turn for 200 calls.
      const price = Math.min((filled / seatsPerCall) * account.callPrice, share, this.#ideal.paid - account.paid);
      if (price <= 0) continue;
      pay(account, price);
      account.lastCall = this.#calls;
      unpaid -= price * account.weight;
    }
    pay(payer, unpaid * payer.callPrice);
    payer.lastCall = this.#calls;
    if (this.#calls % FORGET_EVERY === 0) this.#forget(nowMs);
    return charge;
  }

  /** Callers that are ahead wait until the ideal has caught up; of the others, the first to be a call behind goes first. */
  #goesBefore(a: Account, b: Account): boolean {
    const byStart = (this.#isAhead(a) ? a.paid : this.#ideal.paid) - (this.#isAhead(b) ? b.paid : this.#ideal.paid);
    return (byStart || a.paid + a.callPrice - (b.paid + b.callPrice) || a.lastCall - b.lastCall) < 0;
  }

  #isAhead({ paid, callPrice }: Account): boolean {
    return paid - this.#ideal.paid > EXACTNESS * callPrice;
  }

  #hasCredit(account: Account, nowMs: number): boolean {
    if (nowMs < account.creditMs) return false; // most have none, and need not be looked up for every call
    account.creditMs = (this.#servedMs.get(this.#options.creditNameOf(account.caller)) ?? -Infinity) + LATELY_MS;
    return nowMs >= account.creditMs;
  }

  /** The weight of all callers with a part in the next call: those that wait, and those that left while ahead. */
  #weight(): number {
    let sum = this.#waitingWeight;
    for (const account of this.#ahead) {
      if (this.#isAhead(account)) sum += account.weight;
      else this.#ahead.delete(account);
    }
    return sum;
  }

  #accountOf(caller: string): Account {
    let account = this.#accounts.get(caller);
    if (!account) {
      const weight = this.#options.weightOf(caller);
      account = { caller, weight, callPrice: 1 / weight, paid: this.#ideal.paid, lastCall: 0, creditMs: -Infinity };
      this.#accounts.set(caller, account);
    }
    this.#weigh(account);
    return account;
  }

  /** Weights can change at any time. Afterwards no caller is further behind or ahead than a call of the new weight. */
  #weigh(account: Account): void {
    const weight = this.#options.weightOf(account.caller);
    if (account.weight === weight) return;
    if (this.#waiting.has(account)) this.#waitingWeight += weight - account.weight;
    account.weight = weight;
    account.callPrice = 1 / weight;
    const ideal = this.#ideal.paid;
    account.paid = Math.min(Math.max(account.paid, ideal - account.callPrice), ideal + account.callPrice);
  }

  #wait(account: Account): void {
    this.#waiting.add(account);
    this.#waitingWeight += account.weight;
    this.#ahead.delete(account);
  }

  #forget(nowMs: number): void {
    for (const [caller, account] of this.#accounts) {
      if (!this.#waiting.has(account) && !this.#isAhead(account)) this.#accounts.delete(caller);
    }
    for (const [name, servedMs] of this.#servedMs) if (nowMs - servedMs >= LATELY_MS) this.#servedMs.delete(name);
  }
}

/** Undoes a charge: the call was turned away through no fault of the callers in it. */
export function refund(charge: Charge): void {
  for (const [virtualClock, price] of charge) {
    virtualClock.paid -= price;
    virtualClock.lastCall = -1; // goes before callers that would be a call behind at the same time
  }
}
