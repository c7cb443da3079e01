// Whose turn it is among the callers of one class. What is scarce is calls, so a call costs all of its seats:
// sharers pay for those they fill, as far as their part of the call goes, and whoever's turn it was pays for the
// rest. The next turn is that of whoever would first be a call behind their share, of those not ahead of it.
// Invariant, while all may go and none is given back: nobody who waits is a call behind, or more than one ahead
// (proof: docs/adr/0008). No call is ever kept from those who want it.
import type { Charge, VirtualClock } from "./charge.js";

/** A caller that has had nothing for so long has credit. */
const LATELY_MS = 1000;

/** Of a call: who is ahead by less is taken to be even, for thirds and tenths do not add up to one. */
const EXACTNESS = 1e-9;

/** How many calls pass between looking for callers that can be forgotten. */
const FORGET_EVERY = 256;

interface Account extends VirtualClock {
  readonly caller: string;
  weight: number;
  callPrice: number;
  /** It has no credit before that. */
  creditMs: number;
}

export interface FairShareOptions {
  readonly seatsPerCall: number;
  /** Above 0. */
  readonly weightOf: (caller: string) => number;
  /** In whose name a caller has credit: all that nobody has proved to be who they are share one. */
  readonly creditNameOf: (caller: string) => string;
}

export class FairShare {
  readonly #options: FairShareOptions;
  readonly #servedMs: Map<string, number>;
  readonly #accounts = new Map<string, Account>();
  /** Virtual time: what one would have paid who always has exactly its share. */
  readonly #ideal: VirtualClock = { paid: 0, lastCall: 0 };
  /** Who wait, in the order in which they came. */
  readonly #waiting = new Set<Account>();
  /** Who have gone while they were ahead. */
  readonly #ahead = new Set<Account>();
  #waitingWeight = 0;
  #calls = 0;
  /** Where the latest call began, on the scale of virtual time; none yet since somebody waits. */
  #latest = -Infinity;
  #isByCredit = false;
  #wasBeside = false;

  /** `servedMs`: when each name that credit goes by last had a seat; the classes share it. */
  constructor(options: FairShareOptions, servedMs = new Map<string, number>()) {
    this.#options = options;
    this.#servedMs = servedMs;
  }

  /** The caller, who did not wait, waits from now on, behind those who do: as if it had had the latest call. */
  join(caller: string): void {
    if (this.#waiting.size === 0) {
      // So nobody is ahead of anybody.
      for (const { paid } of this.#accounts.values()) this.#ideal.paid = Math.max(this.#ideal.paid, paid);
      this.#latest = -Infinity;
    }
    const account = this.#accountOf(caller);
    // Who is ahead goes on as if it had never left.
    if (!this.#isAhead(account)) {
      account.paid = Math.max(Math.min(this.#latest, this.#ideal.paid) + account.callPrice, this.#ideal.paid);
      account.lastCall = 0;
    }
    this.#wait(account);
  }

  /** The caller waits again with what a call left unsettled: it keeps the place that it has by what it has paid. */
  rejoin(caller: string): void {
    const account = this.#accountOf(caller);
    // It did not wait meanwhile, so it is owed what it was given back, and no more than a call.
    const owed = account.lastCall < 0 ? account.callPrice : 0;
    account.paid = Math.max(account.paid, this.#ideal.paid - owed);
    this.#wait(account);
  }

  /** The caller waits no more. What it has paid in advance is remembered for as long as it matters. */
  leave(caller: string): void {
    const account = this.#accounts.get(caller);
    if (!account || !this.#waiting.delete(account)) return;
    this.#waitingWeight -= account.weight;
    if (account.lastCall === 0) this.#accounts.delete(caller);
    else if (this.#isAhead(account)) this.#ahead.add(account);
  }

  /** Whose turn it is among those who wait and may go; undefined if none of them may. */
  turn(nowMs: number, mayGo: (caller: string) => boolean): string | undefined {
    let next: Account | undefined;
    let credited: Account | undefined;
    let least = Infinity;
    for (const account of this.#waiting) {
      this.#weigh(account);
      least = Math.min(least, account.paid);
      const isNext = !next || this.#goesBefore(account, next);
      const isCredited =
        !this.#isByCredit && (!credited || this.#goesBefore(account, credited)) && this.#hasCredit(account, nowMs);
      // Asked of few: it may take looking through all that the caller waits for.
      if (!(isNext || isCredited) || !mayGo(account.caller)) continue;
      if (isNext) next = account;
      if (isCredited) credited = account;
    }
    if (!next) return undefined;
    // With all of them ahead, the share of somebody who has gone is theirs.
    this.#ideal.paid = Math.max(this.#ideal.paid, least);
    if (this.#wasBeside && !this.#isAhead(next)) {
      for (const each of this.#accounts.values()) each.paid = Math.min(each.paid, this.#ideal.paid + each.callPrice);
      this.#wasBeside = false;
    }
    this.#isByCredit = credited !== undefined && credited !== next;
    return (credited ?? next).caller;
  }

  /** A call was cut in this caller's turn, with so many seats for each in the call, all of whom still wait. */
  charge(caller: string, seats: ReadonlyMap<string, number>, nowMs: number): Charge {
    const { seatsPerCall, creditNameOf } = this.#options;
    const charge = new Map<VirtualClock, number>();
    const pay = (virtualClock: VirtualClock, price: number) => {
      virtualClock.paid += price;
      charge.set(virtualClock, price);
    };
    this.#calls++;
    const payer = this.#accountOf(caller);
    // A call by credit, or one that nobody who was due could use, is beside the shares: it must not take from
    // the others what they are owed, nor put off its own caller for more than a call.
    const isBeside = this.#isByCredit || this.#isAhead(payer);
    const share = isBeside ? 0 : 1 / this.#weight();
    if (isBeside) this.#wasBeside = true;
    else this.#latest = Math.max(this.#latest, payer.paid);
    pay(this.#ideal, share);
    let unpaid = 1;
    for (const [sharer, filled] of seats) {
      this.#servedMs.set(creditNameOf(sharer), nowMs);
      const account = this.#accounts.get(sharer);
      if (sharer === caller || !account || !this.#waiting.has(account)) continue;
      // Seats beyond that are lent. Were they charged, whoever's turn it was would pay next to nothing, and
      // could keep the turn for 200 calls.
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

  /** Who is ahead waits until the ideal has caught up; of the others, who would first be a call behind goes first. */
  #goesBefore(a: Account, b: Account): boolean {
    const byStart = (this.#isAhead(a) ? a.paid : this.#ideal.paid) - (this.#isAhead(b) ? b.paid : this.#ideal.paid);
    return (byStart || a.paid + a.callPrice - (b.paid + b.callPrice) || a.lastCall - b.lastCall) < 0;
  }

  #isAhead({ paid, callPrice }: Account): boolean {
    return paid - this.#ideal.paid > EXACTNESS * callPrice;
  }

  #hasCredit(account: Account, nowMs: number): boolean {
    if (nowMs < account.creditMs) return false; // most have none, and are not looked up for every call
    account.creditMs = (this.#servedMs.get(this.#options.creditNameOf(account.caller)) ?? -Infinity) + LATELY_MS;
    return nowMs >= account.creditMs;
  }

  /** The weight of all who have a part in the next call: who wait, and who have gone while they were ahead. */
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

  /** Weights can change at any time. Nobody is then further behind or ahead than a call of the new weight. */
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
