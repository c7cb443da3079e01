// Stops of rollouts as operations, under the hand clock: processes that share a store, each with
// ledgers, a queue and a runner of its own, in front of the emulator's state. A process can die
// between any two calls, to the upstream or to the store, and the store can be away. The world
// notes what breaks a rule as it happens.
import { seededRandom } from "../../src/emulator/random.js";
import { createRollout, type JobReading, jobReadings, type RolloutSpec } from "../../src/emulator/rollout-control.js";
import { Gateway } from "../../src/gateway/gateway.js";
import type { CallEnd, Refusal } from "../../src/gateway/upstream.js";
import { Runner } from "../../src/operations/runner.js";
import { STOP_ROLLOUT, type StopDetail, type StopSpec, stopDetailOf } from "../../src/operations/stop/stop-spec.js";
import {
  type AppendedChunk,
  type Leased,
  type OperationRecord,
  type OperationStore,
  StoreUnavailable,
} from "../../src/operations/store.js";
import { JobCalls } from "../../src/rollout/job-calls.js";
import { JOB_OPERATIONS, type JobOperation, OPEN_STATES } from "../../src/rollout/job-operator.js";
import { meaningOf } from "../../src/upstream/codes.js";
import { createJobOperator } from "../../src/upstream/job-operations.js";
import { newService, type TestService } from "../unit/emulator/service.js";
import { EQUAL } from "./fake-callers.js";
import { FakeLimiter } from "./fake-limiter.js";
import { FakeLog } from "./fake-log.js";
import { FakeUpstream } from "./fake-upstream.js";
import { HandClock } from "./hand-clock.js";
import { openSqlite } from "./sqlite-world.js";
import { StoreTurns } from "./store-turns.js";
import { allResults, HOUR_MS, submit, WIDE_BOUNDS } from "./stored-operation.js";

/** A call as it reached the upstream. */
export interface UpstreamSaw {
  readonly action: string;
  readonly jobId: string;
  readonly names: readonly string[];
  readonly isChange: boolean;
  readonly sentMs: number;
  readonly process: number;
  /** A page of devices, rather than a count. */
  readonly isPage: boolean;
}

/** The fate of a call: it is carried out, or its process dies right before or right after. */
export type Fate = "dies before" | "dies after" | undefined;

export interface StopWorldOptions {
  readonly options?: Parameters<typeof newService>[0];
  readonly answerMs?: number;
  /** Decides of each call of the first process, to the upstream or to the store, counted from 0. */
  fate?: ((nth: number, what: string) => Fate) | undefined;
  /** The answer of these calls is lost. */
  readonly isLost?: (saw: UpstreamSaw) => boolean;
  /** The code by which a call is refused. */
  readonly refusal?: (saw: UpstreamSaw) => string | undefined;
  /** Called when a call has reached the upstream. */
  readonly seen?: (saw: UpstreamSaw, world: StopWorld) => void;
  readonly queuedDevicesPerCaller?: number;
}

const ACCOUNT = "default";
const SPEC: StopSpec = {
  ...{ requestId: "", account: ACCOUNT, reason: "", states: OPEN_STATES, etag: "", priority: "urgent" },
  scope: { productKey: "a1EmulatorPk", firmwareId: "EmulatedFirmware0000030100", jobId: "", iotInstanceId: "" },
  ...{ keepStrategies: false, includeNewJobs: false, listInstalled: false },
  ...{ settleMs: 120_000, timeToLiveMs: HOUR_MS },
};

/** As documented. */
const CALLS_PER_SECOND: Readonly<Record<JobOperation, number>> = {
  ...{ ListOTAJobByFirmware: 10, QueryOTAJob: 10, ListOTATaskByJob: 10 },
  ...{ CancelOTAStrategyByJob: 10, CancelOTATaskByJob: 5 },
};
const CALL_TIMEOUT_MS = 10_000;
const WRITES: ReadonlySet<string> = new Set(["record", "append", "end"]);

export class StopWorld {
  readonly turns = new StoreTurns();
  readonly clock = new HandClock({ idle: () => this.turns.idle() });
  readonly log = new FakeLog();
  readonly options: StopWorldOptions;
  readonly service: TestService;
  readonly calls: UpstreamSaw[] = [];
  /** Rules that were broken. */
  readonly broken: string[] = [];
  readonly planned: OperationRecord[] = [];
  readonly ended: OperationRecord[] = [];
  store!: OperationStore;
  /** Why nothing may be stopped; undefined if it may. */
  forbidden: string | undefined;
  /** `lost`: writes are carried out, and their answers are lost. */
  isStoreAway: boolean | "lost" = false;
  /** The process that has leased the operation last. */
  holder = 0;
  /** As it is stored. */
  detail: StopDetail | undefined;
  expireMs = Infinity;
  /** Devices by batch that are stored with a place in the results. */
  readonly #placed = new Set<string>();
  #processes = 0;

  private constructor(options: StopWorldOptions) {
    this.options = options;
    this.service = newService({ clock: this.clock, random: seededRandom(5), ...options.options });
  }

  static async open(rollouts: readonly RolloutSpec[], options: StopWorldOptions = {}): Promise<StopWorld> {
    const world = new StopWorld(options);
    world.store = (await openSqlite(WIDE_BOUNDS, ":memory:", world.clock)).store;
    const { platform, settings } = world.service;
    for (const spec of rollouts) createRollout(platform, spec, settings);
    return world;
  }

  async order(spec: Partial<StopSpec> = {}): Promise<string> {
    const whole = { ...SPEC, ...spec };
    const { timeToLiveMs } = whole;
    const order = { kind: STOP_ROLLOUT, account: ACCOUNT, spec: JSON.stringify(whole), timeToLiveMs };
    const { id, expireMs } = await submit(this.store, 0, order);
    this.expireMs = expireMs;
    return id;
  }

  /** Starts a process. */
  start(): StopProcess {
    return new StopProcess(this, ++this.#processes);
  }

  /** Lets time pass until the operation has ended; at most an hour. */
  async untilEnded(id: string): Promise<OperationRecord> {
    for (let second = 0; second < HOUR_MS / 1000; second++) {
      await this.clock.advance(1000);
      const record = await this.store.get(id);
      if (record?.endMs !== undefined) return record;
    }
    throw new Error("it has not ended");
  }

  /** Lets time pass until this holds, which is looked at every `stepMs`. */
  async until(holds: () => boolean, stepMs = 10): Promise<void> {
    for (let step = 0; !holds(); step++) {
      if (step > 10_000) throw new Error("it never came");
      await this.clock.advance(stepMs);
    }
  }

  results(id: string) {
    return allResults(this.store, id);
  }

  get rollouts(): readonly JobReading[] {
    return jobReadings(this.service.platform);
  }

  /** Tasks that are open, over all batches. */
  get open(): number {
    return this.rollouts.reduce((sum, { tasks }) => sum + OPEN_STATES.reduce((of, state) => of + tasks[state], 0), 0);
  }

  changes(action?: string): readonly UpstreamSaw[] {
    return this.calls.filter((call) => call.isChange && (action === undefined || call.action === action));
  }

  /** Carries out a call. Returns its answer's fields, or the code of its refusal. */
  carryOut(saw: UpstreamSaw, parameters: Parameters<TestService["call"]>[1]): object | string {
    this.#check(saw);
    this.calls.push(saw);
    this.options.seen?.(saw, this);
    const refusal = this.options.refusal?.(saw);
    if (refusal !== undefined) return refusal;
    try {
      return this.service.call(saw.action, parameters);
    } catch (error) {
      return (error as { code: string }).code;
    }
  }

  #check({ action, jobId, names, isChange, sentMs, process }: UpstreamSaw): void {
    if (!isChange) return;
    const what = `${action} at ${sentMs}`;
    if (!this.detail?.isPlanned) this.broken.push(`${what} before the plan was stored`);
    if (process !== this.holder) this.broken.push(`${what} by a process that had lost the lease`);
    if (this.clock.wallNow() >= this.expireMs) this.broken.push(`${what} after its time was over`);
    if (this.forbidden) this.broken.push(`${what} without the right to it`);
    for (const name of names) {
      if (!this.#placed.has(`${jobId}\n${name}`)) this.broken.push(`${what} of a device that was not stored before`);
    }
    const isOpen = this.rollouts.some(({ isOpenToDevices }) => isOpenToDevices);
    if (action !== "CancelOTAStrategyByJob" && isOpen) this.broken.push(`${what} while a batch took devices`);
  }

  /** A call to the store has been carried out. */
  stored(process: number, name: string, values: readonly unknown[], answer: unknown): void {
    if (name === "lease") {
      for (const { record } of answer as Leased[]) {
        this.holder = process;
        this.detail = stopDetailOf(record.progress.detail);
      }
    }
    if (!WRITES.has(name)) return;
    if (process !== this.holder) this.broken.push(`${name} by a process that had lost the lease`);
    if (name === "end") return;
    const { progress } = answer as OperationRecord;
    this.detail = stopDetailOf(progress.detail);
    if (name !== "append") return;
    const { names, chunk } = values[1] as AppendedChunk;
    const { chunks, chunkJobs } = this.detail as StopDetail;
    for (const device of names) this.#placed.add(`${chunkJobs[chunks[chunk] as number]}\n${device}`);
  }
}

export class StopProcess {
  readonly runner: Runner;
  /** The ledger of the calls by device. */
  readonly limiter: FakeLimiter;
  /** Those of the calls on whole batches. */
  readonly ledgers: readonly FakeLimiter[];
  isDead = false;
  /** Whether its store is away, for it alone. */
  isCutOff = false;
  /** Calls to the upstream and to the store. */
  asked = 0;
  readonly #world: StopWorld;
  readonly #nth: number;

  constructor(world: StopWorld, nth: number) {
    const { clock, log, options } = world;
    this.#world = world;
    this.#nth = nth;
    this.limiter = new FakeLimiter({ clock });
    const gateway = new Gateway({
      ...{ account: ACCOUNT, clock, log, callers: EQUAL, random: () => 0.5 },
      upstream: this.#canceling(),
      limiter: this.limiter,
      bounds: { queuedDevices: 1_000_000, queuedDevicesPerCaller: options.queuedDevicesPerCaller ?? 500_000 },
    });
    const ledgers = JOB_OPERATIONS.map((operation) => {
      return [operation, new FakeLimiter({ clock, callsPerSecond: CALLS_PER_SECOND[operation] })] as const;
    });
    this.ledgers = ledgers.map(([, ledger]) => ledger);
    const calls = new JobCalls({
      ...{ account: ACCOUNT, clock, log, operator: this.#operator(), observersOf: () => [] },
      limiters: Object.fromEntries(ledgers) as unknown as Record<JobOperation, FakeLimiter>,
    });
    this.runner = new Runner({
      ...{ clock, log, holder: `process-${nth}`, gateways: new Map([[ACCOUNT, gateway]]) },
      ...{ store: this.#store(), forbidden: () => undefined, spanOf: () => undefined },
      stops: {
        accounts: new Map([[ACCOUNT, { calls, callTimeoutMs: CALL_TIMEOUT_MS }]]),
        forbidden: () => world.forbidden,
        planned: (record) => void world.planned.push(record),
      },
      ended: (record) => void world.ended.push(record),
    });
    this.runner.start();
  }

  /** Whether the call is carried out; the process may die before or after. */
  #survives(what: string): boolean {
    if (this.isDead) return false;
    const fate = this.#nth === 1 ? this.#world.options.fate?.(this.asked++, what) : undefined;
    if (fate) this.isDead = true;
    return fate !== "dies before";
  }

  #operator() {
    return createJobOperator(async ({ action, parameters }) => {
      const given = Object.fromEntries(parameters);
      const isPage = action === "ListOTATaskByJob" && given["PageSize"] !== "1";
      const answer = await this.#ask({ action, jobId: given["JobId"] ?? "", names: [], isPage }, given);
      if (answer === undefined) return { end: { kind: "lost", message: "no answer came" } as const };
      return typeof answer === "string"
        ? { end: refusalOf(answer) }
        : { end: { kind: "accepted", requestId: "R" } as const, body: JSON.stringify({ Success: true, ...answer }) };
    });
  }

  #canceling(): FakeUpstream {
    const upstream = new FakeUpstream({ clock: this.#world.clock, timeoutMs: CALL_TIMEOUT_MS });
    upstream.cancelTasks = async ({ deviceNames, scope }) => {
      const { productKey: ProductKey, firmwareId: FirmwareId, jobId } = scope;
      const asked = { ProductKey, FirmwareId, JobId: jobId, DeviceName: [...deviceNames] };
      const saw = { action: "CancelOTATaskByDevice", jobId, names: [...deviceNames], isPage: false };
      const answer = await this.#ask(saw, asked);
      if (answer === undefined) return { kind: "lost", message: "no answer came" };
      return typeof answer === "string" ? refusalOf(answer) : { kind: "accepted", requestId: "R" };
    };
    return upstream;
  }

  /** The answer's fields, or the code of a refusal; undefined if there is no answer. */
  async #ask(
    of: Pick<UpstreamSaw, "action" | "jobId" | "names" | "isPage">,
    parameters: Parameters<TestService["call"]>[1],
  ): Promise<object | string | undefined> {
    const { clock, options } = this.#world;
    const saw = { ...of, isChange: of.action.startsWith("Cancel"), sentMs: clock.now(), process: this.#nth };
    if (!this.#survives(of.action)) return new Promise(() => {});
    const pause = (ms: number) => new Promise<void>((resolve) => void clock.at(clock.now() + ms, resolve));
    const answer = this.#world.carryOut(saw, parameters);
    const isLost = options.isLost?.(saw) === true;
    await pause(isLost ? CALL_TIMEOUT_MS : (options.answerMs ?? 20));
    return isLost ? undefined : answer;
  }

  #store(): OperationStore {
    const world = this.#world;
    return new Proxy(world.store, {
      get: (store, name: string) => {
        if (name === "shared") return true;
        const value = store[name as keyof OperationStore];
        if (typeof value !== "function") return value;
        return async (...values: unknown[]) => {
          if (this.isDead || (WRITES.has(name) && !this.#survives(name))) return new Promise(() => {});
          const isLost = world.isStoreAway === "lost" && WRITES.has(name);
          if ((world.isStoreAway && !isLost) || this.isCutOff) throw new StoreUnavailable("away");
          const answer = await world.turns.take(async () => {
            const ask = value as (...values: unknown[]) => Promise<unknown>;
            const answered = await ask.apply(store, values);
            world.stored(this.#nth, name, values, answered);
            return answered;
          });
          if (this.isDead) return new Promise(() => {});
          if (isLost) throw new StoreUnavailable("no answer", { isUnknown: true });
          return answer;
        };
      },
    });
  }
}

function refusalOf(code: string): Extract<CallEnd, { kind: "refused" }> {
  const meaning = meaningOf(code, 200, false);
  const reaction: Refusal["reaction"] = meaning.kind === "internal" ? { kind: "internal", recovered: false } : meaning;
  return { kind: "refused", requestId: "R", refusal: { code, message: "refused", reaction } };
}
