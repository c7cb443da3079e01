// The heartbeats of one replica: its idle ledgers take turns, so that a hundred idle accounts
// ask the store no more often than a few. If one of them cannot reach the store, the others find
// out at once.
import type { Clock } from "../../base/clock.js";

/** One idle ledger has its turn this often. */
export const TURN_MS = 500;

export interface Member {
  /** Asks the store, if the ledger is idle. Returns whether it did. */
  beat(): boolean;
  /** Another ledger could not reach the store. */
  alarm(): void;
}

export class Heartbeats {
  readonly #clock: Clock;
  /** In the order of their turns. */
  readonly #members = new Set<Member>();
  #disarm: () => void = () => {};

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Returns a function that leaves again. */
  join(member: Member): () => void {
    this.#members.add(member);
    if (this.#members.size === 1) this.#arm();
    return () => {
      this.#members.delete(member);
      if (this.#members.size === 0) this.#disarm();
    };
  }

  /** How long it takes until all have had their turn. */
  get roundMs(): number {
    return this.#members.size * TURN_MS;
  }

  alarm(): void {
    for (const member of [...this.#members]) member.alarm();
  }

  #arm(): void {
    this.#disarm = this.#clock.at(this.#clock.now() + TURN_MS, () => {
      this.#arm();
      this.#turn();
    });
  }

  #turn(): void {
    for (const member of [...this.#members]) {
      this.#members.delete(member);
      this.#members.add(member);
      if (member.beat()) return;
    }
  }
}
