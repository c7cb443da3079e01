// Processes that run operations from one store, under the hand clock: each has a gateway, a ledger
// and a runner of its own. A process can die at any moment; calls that it has sent are carried out.
import { Gateway } from "../../src/gateway/gateway.js";
import { OUTCOMES } from "../../src/gateway/waiter.js";
import { CANCEL_LIST, type CancelListSpec } from "../../src/operations/cancel-list.js";
import { Runner } from "../../src/operations/runner.js";
import {
  type OperationRecord,
  type OperationStore,
  StoreUnavailable,
  type Submission,
} from "../../src/operations/store.js";
import { EQUAL } from "./fake-callers.js";
import { SCOPE } from "./fake-command.js";
import { FakeLimiter } from "./fake-limiter.js";
import { FakeLog } from "./fake-log.js";
import { FakeUpstream, type Reply } from "./fake-upstream.js";
import { HandClock } from "./hand-clock.js";
import { openSqlite } from "./sqlite-world.js";
import { allResults, submit, WIDE_BOUNDS } from "./stored-operation.js";

export interface WorldOptions {
  /** Decides how a call ends, and after how long. */
  readonly reply?: (deviceNames: readonly string[], nth: number) => Reply | undefined;
  readonly queuedDevicesPerCaller?: number;
}

export const SPEC: CancelListSpec = {
  requestId: "",
  account: "default",
  scope: SCOPE,
  priority: "normal",
  reason: "",
  verify: false,
  timeToLiveMs: 3_600_000,
};

export class OperationWorld {
  readonly clock = new HandClock();
  readonly log = new FakeLog();
  readonly ended: OperationRecord[] = [];
  /** Every call of every process. */
  readonly calls: { readonly sentMs: number; readonly deviceNames: readonly string[] }[] = [];
  readonly options: WorldOptions;
  store!: OperationStore;
  /** Why nothing may be run; undefined if it may. */
  forbidden: string | undefined;
  isStoreAway = false;
  #processes = 0;

  constructor(options: WorldOptions = {}) {
    this.options = options;
  }

  static async open(options: WorldOptions = {}): Promise<OperationWorld> {
    const world = new OperationWorld(options);
    world.store = (await openSqlite(WIDE_BOUNDS, ":memory:", world.clock)).store;
    return world;
  }

  /** Starts a process. */
  start(): WorldProcess {
    return new WorldProcess(this, ++this.#processes);
  }

  submit(
    devices: number,
    spec: Partial<CancelListSpec> = {},
    part: Partial<Submission> = {},
  ): Promise<OperationRecord> {
    const whole = { ...SPEC, ...spec };
    return submit(this.store, devices, {
      kind: CANCEL_LIST,
      spec: JSON.stringify(whole),
      timeToLiveMs: whole.timeToLiveMs,
      ...part,
    });
  }

  /** The outcome of each device, by name. */
  async outcomes(id: string): Promise<Map<string, string>> {
    const results = await allResults(this.store, id);
    return new Map(results?.map(({ name, kind }) => [name, OUTCOMES[kind] as string]));
  }

  /** How often each device was sent. */
  sent(): Map<string, number> {
    const counts = new Map<string, number>();
    for (const { deviceNames } of this.calls) {
      for (const name of deviceNames) counts.set(name, (counts.get(name) ?? 0) + 1);
    }
    return counts;
  }
}

export class WorldProcess {
  readonly gateway: Gateway;
  readonly runner: Runner;
  readonly upstream: FakeUpstream;
  #isDead = false;

  constructor(world: OperationWorld, nth: number) {
    const { clock, log, options } = world;
    this.upstream = new FakeUpstream({
      clock,
      reply: ({ deviceNames }) => {
        // A process that is dead sends nothing; what its timers still do here does not count.
        if (!this.#isDead) world.calls.push({ sentMs: clock.now(), deviceNames: [...deviceNames] });
        return options.reply?.(deviceNames, world.calls.length - 1);
      },
    });
    this.gateway = new Gateway({
      ...{ account: "default", clock, log, upstream: this.upstream, callers: EQUAL, random: () => 0.5 },
      limiter: new FakeLimiter({ clock }),
      bounds: { queuedDevices: 1_000_000, queuedDevicesPerCaller: options.queuedDevicesPerCaller ?? 500_000 },
    });
    this.runner = new Runner({
      ...{ clock, log, holder: `process-${nth}`, gateways: new Map([["default", this.gateway]]) },
      store: this.#seenFrom(world),
      forbidden: () => world.forbidden,
      ended: (record) => void world.ended.push(record),
    });
    this.runner.start();
  }

  /** Stops at this moment: nothing that it does from now on has an effect. */
  die(): void {
    this.#isDead = true;
  }

  /** The store, until the process dies or the store is away. A shared one, so that others take over. */
  #seenFrom(world: OperationWorld): OperationStore {
    return new Proxy(world.store, {
      get: (store, name) => {
        if (name === "shared") return true;
        const value = store[name as keyof OperationStore];
        if (typeof value !== "function") return value;
        return async (...values: never[]) => {
          if (this.#isDead) return new Promise(() => {});
          if (world.isStoreAway) throw new StoreUnavailable("away");
          return (value as (...values: never[]) => unknown).apply(store, values);
        };
      },
    });
  }
}
