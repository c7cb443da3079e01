// Decides which caller of a class gets the next call. Invariant, while all callers may go and no
// call is refunded: no waiting caller is a full call behind its share, or more than one call ahead
// of it (docs/adr/0008).
import type { Credits } from "./credits.js";

/**
 * In calls. A smaller lead counts as even, because rounded thirds and tenths do not add up to one.
 */
const EXACTNESS = 1e-9;

/** How many calls pass between two searches for callers to forget. */
const FORGET_EVERY = 256;

/** The virtual time of a caller: how much it has paid for calls. */
export interface VirtualClock {
  /** Undefined for the ideal, which always has exactly its share. */
  readonly caller?: string;
  /** In calls, divided by the caller's weight. */
  paid: number;
  /**
   * The number of the last call it paid for. 0 if none since it joined; negative if that call was
   * refunded.
   */
  lastCall: number;
}

/** Payments for one call, in calls divided by weight. */
export type Charge = ReadonlyMap<VirtualClock, number>;

interface Account extends VirtualClock {
  readonly caller: string;
  weight: number;
  /** The price of a call: 1 / weight. */
  callPrice: number;
  /** The caller has no credit before this time. */
  creditMs: number;
}

/** The caller of the next call. `byCredit`: it goes first only because it had no seat lately. */
export interface Turn {
  readonly caller: string;
  readonly byCredit: boolean;
}

export interface FairShareOptions {
  readonly seatsPerCall: number;
  /** Always above 0. */
  readonly weightOf: (caller: string) => number;
  /** Shared by all classes. */
  readonly credits: Credits;
}

/**
 * Calls are the scarce resource, so each call costs all of its seats. Callers that share it pay for
 * the seats they fill, up to their part of the call; the caller whose turn it was pays for the
 * rest. A caller's payments divided by its weight are its virtual time; the ideal is the virtual
 * time of a caller with exactly its share. Of the callers that are not ahead of the ideal, the turn
 * goes to the one that would be the first to fall a call behind the ideal.
 */
export class FairShare {
  readonly #options: FairShareOptions;
  readonly #accounts = new Map<string, Account>();
  readonly #ideal: VirtualClock = { paid: 0, lastCall: 0 };
  /** Waiting callers, in order of arrival. */
  readonly #waiting = new Set<Account>();
  /** Callers that left while ahead. They still have a part in each call. */
  readonly #ahead = new Set<Account>();
  #waitingWeight = 0;
  #calls = 0;
  /**
   * Where the latest call began that did not go by credit, in virtual time; -Infinity if there was
   * none since callers began to wait.
   */
  #latest = -Infinity;
  #wasByCredit = false;
  /** Some callers may be far ahead, because of calls that did not advance the ideal. */
  #isUncapped = false;

  constructor(options: FairShareOptions) {
    this.#options = options;
  }

  /**
   * Starts to wait, behind the callers that already do, as if the caller had just had the latest
   * call.
   */
  join(caller: string): void {
    if (this.#waiting.size === 0) {
      // Everybody starts even.
      for (const { paid } of this.#accounts.values()) this.#ideal.paid = Math.max(this.#ideal.paid, paid);
      this.#latest = -Infinity;
    }
    const account = this.#accountOf(caller);
    // A caller that is ahead continues as if it had never left.
    if (!this.#isAhead(account)) {
      // The latest call began ahead of the ideal if no due caller could use it. Otherwise it seems
      // so only because the ideal was refunded since.
      const latest = this.#isUncapped ? this.#latest : Math.min(this.#latest, this.#ideal.paid);
      account.paid = Math.max(latest + account.callPrice, this.#ideal.paid);
      account.lastCall = 0;
    }
    this.#wait(account);
  }

  /**
   * Waits again for devices that a refunded call left unsettled. The caller's place follows from
   * its payments.
   */
  rejoin(caller: string): void {
    const account = this.#accountOf(caller);
    // It did not wait meanwhile, so it is owed the refund, but at most one call.
    const owed = account.lastCall < 0 ? account.callPrice : 0;
    account.paid = Math.max(account.paid, this.#ideal.paid - owed);
    this.#wait(account);
  }

  /** Stops waiting. Payments ahead of the ideal are remembered while they matter. */
  leave(caller: string): void {
    const account = this.#accounts.get(caller);
    if (!account || !this.#waiting.delete(account)) return;
    this.#waitingWeight -= account.weight;
    if (account.lastCall === 0) this.#accounts.delete(caller);
    else if (this.#isAhead(account)) this.#ahead.add(account);
  }

  /**
   * Picks among the waiting callers that may go; undefined if none may. To be followed by `charge`.
   */
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
      // Checked last, because it may search everything the caller waits for.
      if (!(isNext || isCredited) || !mayGo(account.caller)) continue;
      if (isNext) next = account;
      if (isCredited) credited = account;
    }
    if (!next) return undefined;
    // If all callers are ahead, the share of those that have left is free and goes to the others.
    this.#ideal.paid = Math.max(this.#ideal.paid, least);
    if (this.#isUncapped) {
      // A caller that took what the next one could not use is delayed by no more than one call.
      const level = Math.max(this.#ideal.paid, next.paid);
      for (const each of this.#accounts.values()) each.paid = Math.min(each.paid, level + each.callPrice);
      this.#latest = Math.min(this.#latest, level);
      this.#isUncapped = this.#isAhead(next);
    }
    return { caller: (credited ?? next).caller, byCredit: credited !== undefined && credited !== next };
  }

  /**
   * Charges the call cut in this turn; `seats` by caller. All of these callers must still be
   * waiting.
   */
  charge({ caller, byCredit }: Turn, seats: ReadonlyMap<string, number>, nowMs: number): Charge {
    const { seatsPerCall, credits } = this.#options;
    const charge = new Map<VirtualClock, number>();
    const pay = (virtualClock: VirtualClock, price: number) => {
      virtualClock.paid += price;
      charge.set(virtualClock, price);
    };
    this.#calls++;
    this.#wasByCredit = byCredit;
    const payer = this.#accountOf(caller);
    // A call by credit, or one that no due caller could use, does not advance the ideal: it must
    // not take from the others what they are owed, nor delay its own caller by more than one call.
    const isBeside = byCredit || this.#isAhead(payer);
    const share = isBeside ? 0 : 1 / this.#weight();
    if (isBeside) this.#isUncapped = true;
    if (!byCredit) this.#latest = Math.max(this.#latest, payer.paid);
    pay(this.#ideal, share);
    let unpaid = 1;
    for (const [sharer, filled] of seats) {
      credits.noteSeat(sharer, nowMs);
      const account = this.#accounts.get(sharer);
      if (sharer === caller || !account || !this.#waiting.has(account)) continue;
      // Seats beyond a sharer's part are lent. If sharers paid for those too, the caller whose turn
      // it was would pay almost nothing, and could keep the turn for 200 calls.
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

  /**
   * Callers ahead wait until the ideal catches up. Of the others, the first to be a call behind
   * goes first.
   */
  #goesBefore(a: Account, b: Account): boolean {
    const byStart = (this.#isAhead(a) ? a.paid : this.#ideal.paid) - (this.#isAhead(b) ? b.paid : this.#ideal.paid);
    return (byStart || a.paid + a.callPrice - (b.paid + b.callPrice) || a.lastCall - b.lastCall) < 0;
  }

  #isAhead({ paid, callPrice }: Account): boolean {
    return paid - this.#ideal.paid > EXACTNESS * callPrice;
  }

  #hasCredit(account: Account, nowMs: number): boolean {
    if (nowMs < account.creditMs) return false; // avoids a lookup for every call: most have no credit
    account.creditMs = this.#options.credits.sinceMs(account.caller);
    return nowMs >= account.creditMs;
  }

  /**
   * The total weight of callers with a part in the next call: waiting ones, and those that left
   * while ahead.
   */
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

  /**
   * Applies a changed weight. Afterwards the caller is at most one call of the new weight behind or
   * ahead.
   */
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
    this.#options.credits.forget(nowMs);
  }
}

/** Undoes a charge, for a call that was turned away through no fault of its callers. */
export function refund(charge: Charge): void {
  for (const [virtualClock, price] of charge) {
    virtualClock.paid -= price;
    virtualClock.lastCall = -1; // wins ties against callers that would be a call behind at the same time
  }
}
