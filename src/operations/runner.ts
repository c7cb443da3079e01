// Runs the operations that this process holds: leases them, renews the leases, gives each a run,
// and has the store swept. An operation is run by one process at a time. Does nothing, and costs
// nothing, while there is no operation, unless other processes share the store.
import type { Span } from "@opentelemetry/api";
import { type Clock, every } from "../base/clock.js";
import type { Log } from "../base/log.js";
import type { Gateway } from "../gateway/gateway.js";
import { CANCEL_LIST, type CancelListSpec } from "./cancel-list.js";
import { CancelListRun } from "./cancel-list-run.js";
import { WINDOW_DEVICES } from "./feed-window.js";
import { foreignRun } from "./foreign-run.js";
import { READING_GRACE_MS } from "./run-deadlines.js";
import { type StopAccount, StopRun, type StopRunOptions } from "./stop/stop-run.js";
import { STOP_ROLLOUT } from "./stop/stop-spec.js";
import { type Leased, type OperationRecord, type OperationStore, StoreUnavailable } from "./store.js";
import { type LeasedRun, Tenure } from "./tenure.js";

/** The needs of stops of rollouts. */
export interface StopOptions extends Pick<StopRunOptions, "forbidden" | "planned"> {
  readonly accounts: ReadonlyMap<string, StopAccount>;
}

export interface RunnerOptions {
  readonly store: OperationStore;
  readonly gateways: ReadonlyMap<string, Gateway>;
  readonly stops: StopOptions;
  readonly clock: Clock;
  readonly log: Log;
  /** The name of this process; new for each start. */
  readonly holder: string;
  /** Why the caller may not run this now; undefined if it may. */
  readonly forbidden: (caller: string, spec: CancelListSpec) => string | undefined;
  readonly ended: (record: OperationRecord) => void;
  /** Opens the span of an operation. */
  readonly spanOf: (record: OperationRecord) => Span | undefined;
}

const LEASE_MS = 15_000;
/** How long an operation that lost its holder waits for another, after the end of its lease. */
const LOOK_MS = 1000;
/**
 * Renewed at the next look. Short, because a stop must take effect within five seconds on any
 * replica.
 */
const RENEW_MS = 2000;
const WAKE_MS = 1000;
const SWEEP_MS = 60_000;
const MOST_LEASES = 1000;
/** Windows of one caller, over all its operations. */
const MOST_WINDOWS = 2;
const REPORT_MS = 60_000;

export class Runner {
  readonly #options: RunnerOptions;
  readonly #tenures = new Map<
    string,
    { readonly tenure: Tenure; readonly leased: Leased; readonly over: Promise<void> }
  >();
  readonly #devicesByCaller = new Map<string, number>();
  readonly #timers: (() => void)[] = [];
  #underWay: Promise<void> = Promise.resolve();
  /** A look that waits for its turn. */
  #nextLook: Promise<void> | undefined;
  #renewedMs = -Infinity;
  #isClosing = false;
  #isSweeping = false;
  #reportedMs = -Infinity;

  constructor(options: RunnerOptions) {
    this.#options = options;
  }

  /** Takes up what is in the store, and whatever comes later. */
  start(): void {
    const { clock, store } = this.#options;
    this.#timers.push(
      every(clock, LOOK_MS, () => {
        if (this.#tenures.size > 0 || store.shared) void this.look();
      }),
      every(clock, WAKE_MS, () => this.#wakeAll()),
      every(clock, SWEEP_MS, () => void this.#sweep()),
    );
    void this.look();
    void this.#sweep();
  }

  /**
   * Renews the leases if it is time, and leases what is free. To be called when an operation was
   * published. A store that hangs gathers no looks: one is under way, and one waits.
   */
  look(): Promise<void> {
    this.#nextLook ??= this.#underWay
      .then(() => {
        this.#nextLook = undefined;
        return this.#look();
      })
      .catch((error: unknown) => this.#report(error));
    this.#underWay = this.#nextLook;
    return this.#underWay;
  }

  /** An operation is to stop. */
  stop(id: string): void {
    this.#tenures.get(id)?.tenure.stop();
  }

  /** Gives everything up: calls that were sent run to their end, and are recorded. */
  async close(): Promise<void> {
    this.#isClosing = true;
    for (const disarm of this.#timers) disarm();
    await this.#underWay;
    const held = [...this.#tenures.values()];
    for (const { tenure } of held) tenure.leave();
    await Promise.all(held.map(({ over }) => over));
    await this.#options.store.release(held.map(({ leased }) => leased.lease)).catch(() => {}); // they end by themselves
  }

  async #look(): Promise<void> {
    if (this.#isClosing) return;
    const { store, clock, holder, gateways } = this.#options;
    // First, or others would lease what this process holds after an outage of the store.
    if (clock.now() - this.#renewedMs >= RENEW_MS) await this.#renew();
    const most = MOST_LEASES - this.#tenures.size;
    if (this.#isClosing || most <= 0) return;
    const askedMs = clock.now();
    const known = { kinds: [CANCEL_LIST, STOP_ROLLOUT], accounts: [...gateways.keys()] };
    // Leases may end between two renewals: a suspended machine stops its own clock, and not the
    // store's.
    const query = { ...known, holder, most, held: [...this.#tenures.keys()] };
    for (const leased of await store.lease({ ...query, leaseMs: LEASE_MS, graceMs: READING_GRACE_MS })) {
      this.#take(leased, askedMs);
    }
  }

  async #renew(): Promise<void> {
    const { store, clock, holder } = this.#options;
    const askedMs = clock.now();
    const held = [...this.#tenures.values()];
    if (held.length > 0) {
      const leases = held.map(({ leased }) => leased.lease);
      const renewed = new Map((await store.renew(holder, leases, LEASE_MS)).map((each) => [each.lease.id, each]));
      for (const { tenure } of held) {
        const leased = renewed.get(tenure.id);
        if (leased) tenure.renewed(leased, askedMs);
        else tenure.lose();
      }
    }
    this.#renewedMs = askedMs;
  }

  #take(leased: Leased, askedMs: number): void {
    const { store, clock, log, ended, spanOf } = this.#options;
    const { id } = leased.record;
    const runOf = this.#runOf(leased) ?? ((its: Tenure) => foreignRun(its, store, leased));
    const failed = (error: unknown) => this.#report(error);
    const tenure = new Tenure({ clock, leased, askedMs, failed, ended, runOf, span: spanOf(leased.record) });
    const over = tenure
      .run()
      .catch((error: unknown) => log.error({ err: error, operation: id }, "an operation's run broke off"));
    const forget = () => {
      if (this.#tenures.get(id)?.tenure === tenure) this.#tenures.delete(id); // it may have been leased again
    };
    this.#tenures.set(id, { tenure, leased, over: over.finally(forget) });
  }

  /** Undefined if its account or its format is not known here. */
  #runOf(leased: Leased): ((tenure: Tenure) => LeasedRun) | undefined {
    const { store, clock, gateways, stops, forbidden } = this.#options;
    const { kind, account } = leased.record;
    const gateway = gateways.get(account);
    const stopping = stops.accounts.get(account);
    const failed = (error: unknown) => this.#report(error);
    if (gateway && stopping && kind === STOP_ROLLOUT) {
      const shared = { store, clock, leased, gateway, failed };
      return (tenure) => new StopRun(tenure, { ...shared, ...stops, ...stopping });
    }
    if (!gateway || kind !== CANCEL_LIST) return undefined;
    const windows = {
      take: (caller: string, devices: number) => this.#reserve(caller, devices),
      give: (caller: string, devices: number) => this.#giveBack(caller, devices),
    };
    const shared = { store, clock, leased, gateway, forbidden, windows, failed };
    return (tenure) => new CancelListRun(tenure, shared);
  }

  #reserve(caller: string, devices: number): boolean {
    const own = this.#devicesByCaller.get(caller) ?? 0;
    if (own + devices > MOST_WINDOWS * WINDOW_DEVICES) return false;
    this.#devicesByCaller.set(caller, own + devices);
    return true;
  }

  #giveBack(caller: string, devices: number): void {
    if (devices === 0) return;
    const own = (this.#devicesByCaller.get(caller) ?? 0) - devices;
    if (own > 0) this.#devicesByCaller.set(caller, own);
    else this.#devicesByCaller.delete(caller);
    this.#wakeAll();
  }

  #wakeAll(): void {
    for (const { tenure } of this.#tenures.values()) tenure.wake();
  }

  async #sweep(): Promise<void> {
    if (this.#isSweeping) return;
    this.#isSweeping = true;
    try {
      while (!this.#isClosing && (await this.#options.store.sweep()) !== "nothing");
    } catch (error) {
      this.#report(error);
    } finally {
      this.#isSweeping = false;
    }
  }

  /** A store that is away fails every call: one line a minute is enough. */
  #report(error: unknown): void {
    const { clock, log } = this.#options;
    const isPassing = error instanceof StoreUnavailable;
    if (isPassing && clock.now() - this.#reportedMs < REPORT_MS) return;
    this.#reportedMs = clock.now();
    log.error({ err: error }, isPassing ? "the store of operations is away; operations pause" : "an operation failed");
  }
}
