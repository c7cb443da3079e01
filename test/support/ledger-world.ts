// Replicas that share a ledger, the store between them, and an upstream that counts arrivals: in
// simulated time, with every kind of fault that a test can request.
import type { Clock } from "../../src/base/clock.js";
import type { TokenEnd } from "../../src/gateway/limiter.js";
import { EarlyReturn } from "../../src/limiter/early-return.js";
import { RoundTrips } from "../../src/limiter/round-trips.js";
import { createSharedLedger } from "../../src/limiter/shared/ledger.js";
import { replyOf } from "../../src/limiter/shared/protocol.js";
import { COMMAND_TIMEOUT_MS } from "../../src/limiter/shared/store.js";
import { MARGIN_MS, WINDOW_MS } from "../../src/limiter/token-rule.js";
import { FakeLog } from "./fake-log.js";
import type { HandClock } from "./hand-clock.js";
import { LuaStore } from "./lua-store.js";

const LONGEST_REST_MS = 4000;

/**
 * With `onArrival`: how long a call is worked on, and the longest way in one direction, from
 * replicas in turn.
 */
const WORK_MS = 150;
const LONGEST_WAYS_MS = [15, 75];

export interface WorldOptions {
  readonly clock: HandClock;
  readonly random: () => number;
  readonly callsPerSecond: number;
  readonly callTimeoutMs: number;
  readonly onStoreLoss: "closed" | "share";
  /** Usual delay of the network, each way. */
  readonly delayMs: number;
  /**
   * Whether replicas run out of work now and then. Only then do they keep tokens that they do not
   * use at once.
   */
  readonly rests: boolean;
  /** Whether calls count when they arrive, and tokens return early for that. */
  readonly onArrival?: boolean;
  /** With `onArrival`: how often a request is delayed. */
  readonly delayed?: number;
}

/** A process that sends whenever it may, unless it rests. */
export interface Replica {
  readonly ledger: ReturnType<typeof createSharedLedger>;
  readonly log: FakeLog;
  /** In one direction. */
  readonly longestWayMs: number;
  sent: number;
  /** How many tokens have returned early. */
  early: number;
  /** Commands do not get through until then. */
  cutUntilMs: number;
  /** The process does not run until then, as after SIGSTOP. */
  stoppedUntilMs: number;
  isDead: boolean;
}

export class LedgerWorld {
  readonly #options: WorldOptions;
  /** The store that commands go to, and another that may take its place. */
  store: LuaStore;
  standby: LuaStore;
  readonly replicas: Replica[] = [];
  /** When the upstream counted each call. */
  readonly arrivalsMs: number[] = [];
  /**
   * The least time that each call's token was out: until a second after the call was answered, or
   * counted.
   */
  readonly outMs: (readonly [fromMs: number, toMs: number])[] = [];
  /** The store is down until then, and loses what reaches it. */
  downUntilMs = -Infinity;
  /** The store pauses until then, and runs afterwards what arrived in between. */
  stalledUntilMs = -Infinity;
  /**
   * Set with `share`, if a process that had never been served opened a ledger while others may have
   * gone on with tokens of the previous one, which it could not know. The consequence is
   * documented, and not prevented (docs/adr/0010).
   */
  isExcused = false;
  readonly #served = new Set<Replica>();
  readonly #epochs = new Set<string>();
  #rests: boolean;

  constructor(options: WorldOptions) {
    this.#options = options;
    this.#rests = options.rests;
    this.store = new LuaStore(options.clock);
    this.standby = new LuaStore(options.clock);
  }

  /** Adds a replica. */
  start(): Replica {
    const { clock, callsPerSecond, callTimeoutMs, onStoreLoss } = this.#options;
    const log = new FakeLog();
    const name = `r${this.replicas.length}`;
    const longestWayMs = LONGEST_WAYS_MS[this.replicas.length % LONGEST_WAYS_MS.length] as number;
    const faultless = { cutUntilMs: -Infinity, stoppedUntilMs: -Infinity, isDead: false };
    const replica = { log, longestWayMs, sent: 0, early: 0, ...faultless } as {
      -readonly [K in keyof Replica]: Replica[K];
    };
    // Events of a process that stands still happen when it goes on.
    const awake = (run: () => void): void => {
      if (replica.isDead) return;
      if (clock.now() < replica.stoppedUntilMs) clock.at(replica.stoppedUntilMs, () => awake(run));
      else run();
    };
    const own: Clock = {
      now: () => clock.now(),
      wallNow: () => clock.wallNow(),
      at: (timeMs, run) => clock.at(timeMs, () => awake(run)),
    };
    const measure = () => new Promise<number>((resolve) => this.#roundTrip(replica, (ms) => awake(() => resolve(ms))));
    const early = new EarlyReturn({ clock: own, log, roundTrips: new RoundTrips({ clock: own, measure }) });
    replica.ledger = createSharedLedger({
      clock: own,
      ...(this.#options.onArrival && { early }),
      log,
      replica: name,
      callsPerSecond,
      callTimeoutMs,
      onStoreLoss,
      store: {
        run: (args) => this.#command(replica, args, awake),
        wake: (message) => {
          if (this.#reaches(replica)) this.#after(this.#delay(), () => this.#publish(message));
        },
        onWake: (wake) => {
          for (const store of [this.store, this.standby]) {
            store.listen((message) => {
              if (this.#reaches(replica)) this.#after(this.#delay(), () => awake(() => wake(message)));
            });
          }
        },
      },
    });
    this.replicas.push(replica);
    void this.#work(replica, awake);
    return replica;
  }

  /** Ends all temporary faults; from now on there is always work. */
  mend(): void {
    this.#rests = false;
    const nowMs = this.#options.clock.now();
    this.downUntilMs = this.stalledUntilMs = nowMs;
    for (const replica of this.replicas) replica.cutUntilMs = replica.stoppedUntilMs = nowMs;
  }

  #command(replica: Replica, args: readonly string[], awake: (run: () => void) => void): Promise<unknown> {
    const { clock } = this.#options;
    this.#noteServed();
    return new Promise((resolve, reject) => {
      const answer = (reply: unknown) => {
        if (this.#reaches(replica)) this.#after(this.#delay(), () => awake(() => resolve(reply)));
      };
      const execute = () => {
        if (clock.now() < this.stalledUntilMs) clock.at(this.stalledUntilMs, execute);
        else if (clock.now() >= this.downUntilMs) {
          const reply = this.store.run(args);
          this.#noteOpening(replica, replyOf(reply).epoch);
          answer(reply);
        }
      };
      clock.at(clock.now() + COMMAND_TIMEOUT_MS, () => awake(() => reject(new Error("no answer"))));
      if (this.#reaches(replica)) this.#after(this.#delay(), execute);
    });
  }

  #publish(message: string): void {
    const { clock } = this.#options;
    if (clock.now() < this.stalledUntilMs) clock.at(this.stalledUntilMs, () => this.#publish(message));
    else if (clock.now() >= this.downUntilMs) this.store.wake(message);
  }

  #noteServed(): void {
    for (const replica of this.replicas) if (replica.ledger.state().mode === "shared") this.#served.add(replica);
  }

  #noteOpening(by: Replica, epoch: string): void {
    if (this.#epochs.has(epoch)) return;
    this.#epochs.add(epoch);
    this.#noteServed();
    this.isExcused ||= this.#options.onStoreLoss === "share" && this.#served.size > 0 && !this.#served.has(by);
  }

  #reaches(replica: Replica): boolean {
    return this.#options.clock.now() >= replica.cutUntilMs;
  }

  async #work(replica: Replica, awake: (run: () => void) => void): Promise<void> {
    const { random } = this.#options;
    while (!replica.isDead) {
      if (this.#rests && random() < 0.05) await this.#rest(awake);
      const wish = { priority: random() < 0.2 ? "urgent" : "normal", newcomer: random() < 0.1 } as const;
      const token = await replica.ledger.take(wish, new AbortController().signal);
      if (random() < 0.05) token.settle({ kind: "unwritten" });
      else if (token.send()) {
        const settle = (end: TokenEnd) => {
          token.settle(end);
          if (token.hiddenMs) replica.early++;
        };
        this.#call(replica, (end) => awake(() => settle(end)));
      }
    }
  }

  /**
   * The upstream counts a call some time between its sending and its answer, or up to the margin
   * after it was given up.
   */
  #call(replica: Replica, settle: (end: TokenEnd) => void): void {
    const { clock, random, callTimeoutMs } = this.#options;
    const sentMs = clock.now();
    replica.sent++;
    const luck = random();
    if (luck < 0.02) return void settle({ kind: "unwritten" });
    if (luck < 0.05) {
      const endedMs = sentMs + random() * callTimeoutMs;
      const countedMs = sentMs + random() * (callTimeoutMs + MARGIN_MS);
      this.arrivalsMs.push(countedMs);
      this.outMs.push([sentMs, countedMs + WINDOW_MS]);
      clock.at(endedMs, () => settle({ kind: "lost" }));
      return;
    }
    if (this.#options.onArrival) return void this.#callOnArrival(replica, sentMs, settle);
    const answeredMs = sentMs + (random() < 0.1 ? callTimeoutMs : 80) * random();
    this.arrivalsMs.push(sentMs + random() * (answeredMs - sentMs));
    this.outMs.push([sentMs, answeredMs + WINDOW_MS]);
    clock.at(answeredMs, () => settle(luck < 0.055 ? { kind: "throttled", retryAfterMs: 100 } : { kind: "answered" }));
  }

  /** Some requests are delayed, and some calls are refused without work. */
  #callOnArrival(replica: Replica, sentMs: number, settle: (end: TokenEnd) => void): void {
    const { clock, random, delayed = 0.1 } = this.#options;
    const countedMs = sentMs + this.#way(replica) + (random() < delayed ? 400 * random() : 0);
    const isAccepted = random() < 0.9;
    const answeredMs = countedMs + (isAccepted ? WORK_MS * (1 + random()) : 1) + this.#way(replica);
    const accepted = isAccepted && { accepted: { devices: 200, waitMs: answeredMs - sentMs } };
    this.arrivalsMs.push(countedMs);
    this.outMs.push([sentMs, countedMs + WINDOW_MS]);
    clock.at(answeredMs, () => settle({ kind: "answered", ...accepted }));
  }

  #way({ longestWayMs }: Replica): number {
    return longestWayMs * this.#options.random();
  }

  #roundTrip(replica: Replica, measured: (tookMs: number) => void): void {
    const tookMs = this.#way(replica) + this.#way(replica);
    this.#after(tookMs, () => measured(tookMs));
  }

  #rest(awake: (run: () => void) => void): Promise<void> {
    return new Promise((resolve) => this.#after(this.#options.random() * LONGEST_REST_MS, () => awake(resolve)));
  }

  #delay(): number {
    const { random, delayMs } = this.#options;
    return (random() < 0.05 ? 600 : delayMs) * random();
  }

  #after(delayMs: number, run: () => void): void {
    this.#options.clock.at(this.#options.clock.now() + delayMs, run);
  }
}
