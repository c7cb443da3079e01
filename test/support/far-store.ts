// Replicas that are some way from their store, in simulated time: commands take time there and
// back, in order on each connection. Notes each start, and when the store allowed it.
import { setMaxListeners } from "node:events";
import type { Limiter, Token, Wish } from "../../src/gateway/limiter.js";
import { createSharedLedger } from "../../src/limiter/shared/ledger.js";
import { replyOf } from "../../src/limiter/shared/protocol.js";
import { FakeLog } from "./fake-log.js";
import type { HandClock } from "./hand-clock.js";
import { LuaStore } from "./lua-store.js";

export interface FarOptions {
  readonly clock: HandClock;
  readonly random: () => number;
  readonly callsPerSecond: number;
  /** How long answers of the upstream take: at least, and how much longer. */
  readonly answerMs: readonly [least: number, more: number];
}

/** How far a replica is from the store: one way at least, and how much longer a packet can take. */
export interface Distance {
  readonly leastMs: number;
  readonly moreMs: number;
}

export interface Start {
  readonly replica: string;
  readonly atMs: number;
  /** Before this time no call was to start with the token. */
  readonly placeMs: number;
  /** The number of the grant. */
  readonly nth: number;
  readonly wish: Wish;
  /** How long the token was waited for. */
  readonly waitedMs: number;
}

/** Every grant of the store. */
export interface Grant {
  readonly replica: string;
  readonly placeMs: number;
  readonly rank: number;
  readonly newcomer: boolean;
  /** The ranks that other replicas had asked for, and been made to wait with. */
  readonly waitingRanks: readonly number[];
}

interface Arrived {
  readonly atMs: number;
  /** In `grants`. */
  readonly nth: number;
}

const CALL_TIMEOUT_MS = 2000;
export const OPENED_MS = CALL_TIMEOUT_MS + 4000;

export class FarStore {
  readonly store: LuaStore;
  readonly starts: Start[] = [];
  readonly grants: Grant[] = [];
  readonly #options: FarOptions;
  readonly #never = new AbortController().signal;
  readonly #waiting = new Map<string, number>();
  /** Grants that have arrived, and when; a replica starts with the first of its own. */
  readonly #arrived = new Map<string, Arrived[]>();

  constructor(options: FarOptions) {
    this.#options = options;
    this.store = new LuaStore(options.clock);
    setMaxListeners(0, this.#never);
  }

  join(replica: string, distance: Distance): Limiter {
    const { clock, callsPerSecond } = this.#options;
    const [there, back, told] = [this.#way(distance), this.#way(distance), this.#way(distance)];
    return createSharedLedger({
      ...{ clock, log: new FakeLog(), replica, callsPerSecond, callTimeoutMs: CALL_TIMEOUT_MS, onStoreLoss: "closed" },
      store: {
        run: (args) =>
          new Promise((resolve) => {
            there(() => {
              const reply = this.store.run(args);
              const nth = this.#note(replica, args, reply);
              back(() => {
                if (nth !== undefined) this.#arrivedAt(replica).push({ atMs: clock.now(), nth });
                resolve(reply);
              });
            });
          }),
        wake: (message) => there(() => this.store.wake(message)),
        onWake: (wake) => this.store.listen((message) => told(() => wake(message))),
      },
    });
  }

  /** Sends calls without end. */
  async busy(ledger: Limiter, replica: string, wish: Wish): Promise<void> {
    for (;;) await this.send(ledger, replica, wish);
  }

  /** Sends one call, as soon as the ledger allows it. */
  async send(ledger: Limiter, replica: string, wish: Wish): Promise<void> {
    const { clock } = this.#options;
    const wantedMs = clock.now();
    for (;;) {
      const token = await ledger.take(wish, this.#never);
      if (!token.send()) continue;
      const atMs = clock.now();
      const nth = this.#used(replica);
      const placeMs = this.grants[nth]?.placeMs ?? Infinity;
      this.starts.push({ replica, atMs, placeMs, nth, wish, waitedMs: atMs - wantedMs });
      return this.#answer(token);
    }
  }

  #answer(token: Token): void {
    const { clock, random, answerMs } = this.#options;
    clock.at(clock.now() + answerMs[0] + random() * answerMs[1], () => token.settle({ kind: "answered" }));
  }

  #arrivedAt(replica: string): Arrived[] {
    const known = this.#arrived.get(replica) ?? [];
    this.#arrived.set(replica, known);
    return known;
  }

  /**
   * The grant of a start that is made now: the first in time of those that can be. Older ones were
   * not used.
   */
  #used(replica: string): number {
    const nowMs = this.#options.clock.now();
    const placeOf = ({ nth }: Arrived) => this.grants[nth]?.placeMs ?? Infinity;
    const usable = this.#arrivedAt(replica).filter(({ atMs }) => nowMs - atMs < 250);
    const [first, ...rest] = usable.toSorted((x, y) => placeOf(x) - placeOf(y));
    this.#arrived.set(replica, rest);
    return first?.nth ?? -1;
  }

  /** Returns the number of a grant. */
  #note(replica: string, args: readonly string[], raw: unknown): number | undefined {
    const { granted } = replyOf(raw);
    const [, , , , , , , , wish, rank, newcomer] = args;
    if (granted) {
      this.#waiting.delete(replica);
      const placeMs = this.#options.clock.now() + granted.inMs;
      const waitingRanks = [...this.#waiting.values()];
      this.grants.push({ replica, rank: Number(rank), newcomer: newcomer === "1", placeMs, waitingRanks });
      return this.grants.length - 1;
    }
    if (wish) this.#waiting.set(replica, Number(rank));
    else if (rank) this.#waiting.delete(replica);
    return undefined;
  }

  /** One direction of a connection. */
  #way({ leastMs, moreMs }: Distance): (run: () => void) => void {
    const { clock, random } = this.#options;
    let lastMs = 0;
    return (run) => {
      lastMs = Math.max(lastMs, clock.now() + leastMs + random() * moreMs);
      clock.at(lastMs, run);
    };
  }
}
