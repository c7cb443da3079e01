// Processes that run operations from one store, under the hand clock: each has a gateway, a ledger
// and a runner of its own. A process can die, or lose the store, at any moment; calls that it has
// sent are carried out. The world notes what breaks a rule as it happens.
import { OUTCOMES } from "../../src/gateway/device-outcome.js";
import { Gateway } from "../../src/gateway/gateway.js";
import type { CallEnd } from "../../src/gateway/upstream.js";
import type { Verifier } from "../../src/gateway/verifier.js";
import { CANCEL_LIST, type CancelListSpec } from "../../src/operations/cancel-list.js";
import { isFinal } from "../../src/operations/outcomes.js";
import { Runner, type RunnerOptions } from "../../src/operations/runner.js";
import {
  type FedChunk,
  type Lease,
  type Leased,
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
import { StoreTurns } from "./store-turns.js";
import { allResults, HOUR_MS, submit, WIDE_BOUNDS } from "./stored-operation.js";

/** A rule that a process leaves out, so that a test can see that this is found. */
export type Mutation = "does not mark as fed" | "ignores the lease" | "does not expire" | "writes without an epoch";

export interface WorldOptions {
  /** Decides how a call ends, and after how long. */
  readonly reply?: (deviceNames: readonly string[], nth: number) => Reply | undefined;
  readonly queuedDevicesPerCaller?: number;
  readonly spanOf?: RunnerOptions["spanOf"];
  readonly mutation?: Mutation;
  /** Reads tasks back after so long; all of them are found canceled. */
  readonly readingMs?: number;
  /** Opens the store, which takes its time from the clock; SQLite in memory if there is none. */
  readonly open?: (clock: HandClock) => Promise<OperationStore>;
}

const SPEC: CancelListSpec = {
  requestId: "",
  account: "default",
  scope: SCOPE,
  priority: "normal",
  reason: "",
  verify: false,
  timeToLiveMs: 3_600_000,
};

/** The operation of a device, by the batch in its scope. */
interface Known {
  readonly record: OperationRecord;
  readonly fed: Set<string>;
  readonly final: Set<string>;
  holder?: { readonly process: number; readonly epoch: number };
}

export class OperationWorld {
  readonly turns = new StoreTurns();
  readonly clock = new HandClock({ idle: () => this.turns.idle() });
  readonly log = new FakeLog();
  readonly ended: OperationRecord[] = [];
  /** Every call of every process. */
  readonly calls: { readonly sentMs: number; readonly deviceNames: readonly string[]; end?: CallEnd; jobId: string }[] =
    [];
  /** Rules that were broken. */
  readonly broken: string[] = [];
  /** By `job_id`, which differs for each operation. */
  readonly known = new Map<string, Known>();
  readonly options: WorldOptions;
  store!: OperationStore;
  /** Why nothing may be run; undefined if it may. */
  forbidden: string | undefined;
  isStoreAway = false;
  /** Methods of the store that are carried out while their answers are lost. */
  lostAnswers: ReadonlySet<string> = new Set();
  /** While it is set, calls to the store wait. */
  isStoreHung = false;
  /** How long each call to the store takes. */
  storeMs = 0;
  /** Methods of the store that were called, in the order of arrival there. */
  readonly asked: string[] = [];
  #processes = 0;

  constructor(options: WorldOptions = {}) {
    this.options = options;
  }

  static async open(options: WorldOptions = {}): Promise<OperationWorld> {
    const world = new OperationWorld(options);
    world.store = await (options.open?.(world.clock) ??
      openSqlite(WIDE_BOUNDS, ":memory:", world.clock).then(({ store }) => store));
    return world;
  }

  /** Starts a process. */
  start(): WorldProcess {
    return new WorldProcess(this, ++this.#processes);
  }

  async submit(
    devices: number,
    spec: Partial<CancelListSpec> = {},
    part: Partial<Submission> = {},
  ): Promise<OperationRecord> {
    const jobId = `job-${this.known.size}`;
    const whole = { ...SPEC, scope: { ...SCOPE, jobId }, ...spec };
    // In one turn: a process may lease the operation as soon as it is published.
    return this.turns.take(async () => {
      const record = await submit(this.store, devices, {
        kind: CANCEL_LIST,
        spec: JSON.stringify(whole),
        timeToLiveMs: whole.timeToLiveMs,
        ...part,
      });
      this.known.set(jobId, { record, fed: new Set(), final: new Set() });
      return record;
    });
  }

  operation(id: string): Known | undefined {
    return [...this.known.values()].find(({ record }) => record.id === id);
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
  /** Whether its store is away, for it alone. */
  isCutOff = false;
  readonly #world: OperationWorld;
  readonly #nth: number;
  #isDead = false;

  constructor(world: OperationWorld, nth: number) {
    const { clock, log, options } = world;
    this.#world = world;
    this.#nth = nth;
    this.upstream = new FakeUpstream({
      clock,
      reply: ({ deviceNames, scope }) => {
        // A process that is dead sends nothing; what its timers still do here does not count.
        if (this.#isDead) return undefined;
        const call: OperationWorld["calls"][number] = {
          sentMs: clock.now(),
          deviceNames: [...deviceNames],
          jobId: scope.jobId,
        };
        world.calls.push(call);
        this.#checkCall(call);
        const reply = options.reply?.(deviceNames, world.calls.length - 1);
        call.end = reply?.end ?? { kind: "accepted", requestId: "" };
        return reply;
      },
    });
    this.gateway = new Gateway({
      ...{ account: "default", clock, log, upstream: this.upstream, callers: EQUAL, random: () => 0.5 },
      limiter: new FakeLimiter({ clock }),
      verifier: this.#verifier(),
      bounds: { queuedDevices: 1_000_000, queuedDevicesPerCaller: options.queuedDevicesPerCaller ?? 500_000 },
    });
    this.runner = new Runner({
      ...{ clock, log, holder: `process-${nth}`, gateways: new Map([["default", this.gateway]]) },
      store: this.#seenFrom(),
      forbidden: () => world.forbidden,
      stops: { accounts: new Map(), forbidden: () => undefined, planned: () => {} },
      spanOf: world.options.spanOf ?? (() => undefined),
      ended: (record) => void world.ended.push(record),
    });
    this.runner.start();
  }

  /** Stops at this moment: nothing that it does from now on has an effect. */
  die(): void {
    this.#isDead = true;
  }

  /** Reads back only what was accepted; leaving ends it with what was known before. */
  #verifier(): Verifier {
    const { clock, options } = this.#world;
    const leaving = new Map<object, () => void>();
    return {
      verify: (request, answer) =>
        new Promise((resolve) => {
          const read = () => {
            leaving.delete(request);
            const outcomes = answer.outcomes.map((each) =>
              each.kind === "accepted" ? ({ kind: "verified-canceled" } as const) : each,
            );
            resolve({ ...answer, outcomes });
          };
          const disarm = clock.at(clock.now() + (options.readingMs ?? 0), read);
          leaving.set(request, () => {
            disarm();
            resolve(answer);
          });
        }),
      leave: (request) => leaving.get(request)?.(),
      close: async () => {},
    };
  }

  #checkCall({ sentMs, deviceNames, jobId }: OperationWorld["calls"][number]): void {
    const { known, broken, clock } = this.#world;
    const operation = known.get(jobId);
    if (!operation) return;
    const { record, fed, final, holder } = operation;
    const wallMs = clock.wallNow();
    if (wallMs >= record.expireMs) broken.push(`sent at ${sentMs}, after its operation had expired`);
    if (holder?.process !== this.#nth) broken.push(`sent at ${sentMs} by a process that had lost the lease`);
    if (deviceNames.some((name) => !fed.has(name))) broken.push(`sent at ${sentMs} without having been marked as fed`);
    if (deviceNames.some((name) => final.has(name))) broken.push(`sent at ${sentMs} although its outcome was recorded`);
  }

  /**
   * The store as this process reaches it: not after its death, and not while it is cut off. Shared,
   * so that others take over.
   */
  #seenFrom(): OperationStore {
    const world = this.#world;
    return new Proxy(world.store, {
      get: (store, name) => {
        if (name === "shared") return true;
        const value = store[name as keyof OperationStore];
        if (typeof value !== "function") return value;
        return async (...values: unknown[]) => {
          if (this.#isDead) return new Promise(() => {});
          while (world.isStoreHung) await new Promise<void>((go) => void world.clock.at(world.clock.now() + 50, go));
          await this.#halfWay();
          if (world.isStoreAway || this.isCutOff) throw new StoreUnavailable("away");
          world.asked.push(name as string);
          const answered = await world.turns.take(async () => {
            const [method, given] = this.#mutatedCall(name as keyof OperationStore, values);
            const ask = store[method] as (...values: unknown[]) => Promise<unknown>;
            const answer = (await ask.apply(store, given)) ?? (name === "feed" ? "none" : undefined);
            this.#noteAnswer(name as keyof OperationStore, values, answer);
            return name === "lease" || name === "renew" ? this.#mutatedLeases(answer as Leased[]) : answer;
          });
          await this.#halfWay();
          if (world.lostAnswers.has(name as string)) throw new StoreUnavailable("no answer", { isUnknown: true });
          return answered;
        };
      },
    });
  }

  /** To the store, or back. */
  async #halfWay(): Promise<void> {
    const { clock, storeMs } = this.#world;
    if (storeMs > 0) await new Promise<void>((go) => void clock.at(clock.now() + storeMs / 2, go));
    if (this.#isDead) await new Promise(() => {});
  }

  #mutatedCall(name: keyof OperationStore, values: unknown[]): [keyof OperationStore, unknown[]] {
    const { mutation } = this.#world.options;
    if (mutation === "does not mark as fed" && name === "feed") return ["peek", values];
    if (mutation === "writes without an epoch" && (name === "record" || name === "feed")) {
      const [lease, ...rest] = values as [Lease, ...unknown[]];
      const epoch = this.#world.operation(lease.id)?.holder?.epoch ?? lease.epoch;
      return [name, [{ ...lease, epoch }, ...rest]];
    }
    return [name, values];
  }

  /** As a process takes them that knows no end of its lease, or of its operation. */
  #mutatedLeases(all: readonly Leased[]): readonly Leased[] {
    const { mutation } = this.#world.options;
    return all.map((leased) => {
      const { untilMs, record } = leased;
      if (mutation === "ignores the lease") return { ...leased, untilMs: untilMs + HOUR_MS };
      if (mutation === "does not expire")
        return { ...leased, record: { ...record, expireMs: record.expireMs + HOUR_MS } };
      return leased;
    });
  }

  #noteAnswer(name: keyof OperationStore, values: unknown[], answer: unknown): void {
    const world = this.#world;
    if (name === "lease") {
      for (const { lease } of answer as Leased[]) {
        const known = world.operation(lease.id);
        if (known) known.holder = { process: this.#nth, epoch: lease.epoch };
      }
    }
    if (name !== "feed" && name !== "record") return;
    const known = world.operation((values[0] as Lease).id);
    if (!known) return;
    if (known.holder?.process !== this.#nth) world.broken.push("a process wrote that had lost the lease");
    if (name === "feed" && world.options.mutation !== "does not mark as fed") {
      for (const device of (answer as FedChunk).names ?? []) known.fed.add(device);
    }
    if (name === "record") {
      for (const { chunk, outcomes } of values[1] as { chunk: number; outcomes: { marks: Uint8Array } }[]) {
        for (const [index, mark] of outcomes.marks.entries()) {
          if (isFinal(mark)) known.final.add(`device-${chunk * 2000 + index}`);
        }
      }
    }
  }
}
