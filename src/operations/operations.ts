// Operations as the port sees them: submitted, looked up, waited for, stopped and deleted. The
// store is opened with the first submission unless it is durable, so that a gateway without
// operations pays nothing.
import { hash } from "node:crypto";
import type { Clock } from "../base/clock.js";
import type { Log } from "../base/log.js";
import { DRAINING, GatewayError } from "../gateway/failures.js";
import type { Gateway } from "../gateway/gateway.js";
import type { CancelListSpec } from "./cancel-list.js";
import { newOperationId } from "./operation-id.js";
import { gatewayErrorOf, publishOperation } from "./publication.js";
import { Runner, type RunnerOptions } from "./runner.js";
import { STOP_ROLLOUT, type StopSpec } from "./stop/stop-spec.js";
import type { ListQuery, OperationRecord, OperationStore, ResultsPage, ResultsQuery } from "./store.js";
import { ListSubmission } from "./submission.js";

export interface OperationsOptions extends Pick<RunnerOptions, "forbidden" | "ended" | "holder" | "spanOf" | "stops"> {
  readonly clock: Clock;
  readonly log: Log;
  readonly gateways: ReadonlyMap<string, Gateway>;
  /** Opens the store. Rejects with StoreRefused. */
  readonly open: () => Promise<OperationStore>;
  readonly mostDevicesPerOperation: number;
  readonly mostOperationsPerCaller: number;
}

/** Uploads of one caller at a time. */
const MOST_UPLOADS = 4;

/** Another replica has taken over by then, or this one has been started again. */
const DRAINING_RETRY_MS = 1000;

/** With a shared store, an operation that ends elsewhere is noticed so soon. */
const POLL_MS = 2000;

export class Operations {
  readonly #options: OperationsOptions;
  #opening: Promise<OperationStore> | undefined;
  #store: OperationStore | undefined;
  #runner: Runner | undefined;
  readonly #uploadsByCaller = new Map<string, number>();
  /** Names in memory, of all uploads: together no more than one operation may have. */
  #namesHeld = 0;
  /** Called at each end of an operation, and when waiting is over. */
  readonly #wakes = new Set<() => void>();
  #isDraining = false;

  constructor(options: OperationsOptions) {
    this.#options = options;
  }

  /** False if what is stored is lost with this process. */
  get durable(): boolean {
    return this.#store?.durable ?? false;
  }

  /** Opens the store now, and takes up what is in it. Rejects with StoreRefused. */
  async open(): Promise<void> {
    await this.#opened();
  }

  /** Begins a submission. Throws GatewayError. The caller must call `release` at its end. */
  async submit(caller: string, spec: CancelListSpec): Promise<{ submission: ListSubmission; release: () => void }> {
    const { clock, gateways, mostDevicesPerOperation, mostOperationsPerCaller } = this.#options;
    if (this.#isDraining) throw draining();
    const own = this.#uploadsByCaller.get(caller) ?? 0;
    if (own >= MOST_UPLOADS) {
      const message = `too many submissions of this caller are being received (limit ${MOST_UPLOADS}); retry after 1 s`;
      throw new GatewayError({ kind: "overloaded", subject: "caller", message }, { retryAfterMs: 1000 });
    }
    this.#uploadsByCaller.set(caller, own + 1);
    let held = 0;
    const release = () => {
      this.#namesHeld -= held;
      held = 0;
      const left = (this.#uploadsByCaller.get(caller) ?? 1) - 1;
      if (left > 0) this.#uploadsByCaller.set(caller, left);
      else this.#uploadsByCaller.delete(caller);
    };
    try {
      const store = await this.#opened();
      const gateway = gateways.get(spec.account);
      if (!gateway) throw new Error("an account that is not configured has passed the checks");
      const submission = new ListSubmission({
        ...{ store, caller, spec },
        id: newOperationId(clock.wallNow()),
        mostDevices: mostDevicesPerOperation,
        hold: (names) => {
          const isAlone = this.#namesHeld === held;
          if (!isAlone && this.#namesHeld + names > mostDevicesPerOperation) return false;
          this.#namesHeld += names;
          held += names;
          return true;
        },
        mostOperations: mostOperationsPerCaller,
        expectedMs: (devices) => gateway.monitor.expectedMs(caller, spec.priority, devices),
      });
      return { submission, release };
    } catch (error) {
      release();
      throw gatewayErrorOf(error);
    }
  }

  /** Stores the order to stop a rollout. Throws GatewayError. */
  async orderStop(caller: string, spec: StopSpec): Promise<OperationRecord> {
    const { clock, mostOperationsPerCaller } = this.#options;
    if (this.#isDraining) throw draining();
    const { requestId, account, timeToLiveMs } = spec;
    const text = JSON.stringify(spec);
    const store = await this.#opened().catch((error: unknown) => {
      throw gatewayErrorOf(error);
    });
    return publishOperation(
      store,
      {
        ...{ id: newOperationId(clock.wallNow()), kind: STOP_ROLLOUT, caller, account, requestId, timeToLiveMs },
        fingerprint: requestId === "" ? "" : hash("sha256", `${STOP_ROLLOUT}\n${text}`),
        ...{ spec: text, devices: 0, repeated: 0, detail: "" },
      },
      mostOperationsPerCaller,
    );
  }

  /** An operation was published: it is taken up at once. */
  published(): void {
    void this.#runner?.look();
  }

  async get(id: string): Promise<OperationRecord | undefined> {
    return this.#ask((store) => store.get(id), undefined);
  }

  async list(query: ListQuery): Promise<readonly OperationRecord[]> {
    return this.#ask((store) => store.list(query), []);
  }

  async results(query: ResultsQuery): Promise<ResultsPage | undefined> {
    return this.#ask((store) => store.results(query), undefined);
  }

  /** Resolves when it has ended, at `untilMs` or when draining, with its latest state. */
  async wait(id: string, untilMs: number, signal: AbortSignal): Promise<OperationRecord | undefined> {
    const { clock } = this.#options;
    for (;;) {
      const record = await this.get(id);
      const isOver = signal.aborted || this.#isDraining || clock.now() >= untilMs;
      if (!record || record.endMs !== undefined || isOver) return record;
      await this.#change(this.#store?.shared ? Math.min(clock.now() + POLL_MS, untilMs) : untilMs, signal);
    }
  }

  async stop(id: string): Promise<OperationRecord | undefined> {
    const record = await this.#ask((store) => store.stop(id), undefined);
    if (record?.state === "stopping") this.#runner?.stop(id);
    return record;
  }

  async remove(id: string): Promise<"removed" | "running" | "missing"> {
    return this.#ask((store) => store.remove(id), "missing" as const);
  }

  /** Ends all waiting. Nothing more is sent; resolves when what was sent is recorded. */
  async leave(): Promise<void> {
    this.#isDraining = true;
    this.#wakeAll();
    await this.#opening?.catch(() => {});
    await this.#runner?.close();
  }

  /** To be called after `leave`. */
  async close(): Promise<void> {
    await this.#store?.close();
  }

  async #ask<T>(question: (store: OperationStore) => Promise<T>, nothing: T): Promise<T> {
    if (!this.#opening) return nothing;
    try {
      return await question(await this.#opening);
    } catch (error) {
      throw gatewayErrorOf(error);
    }
  }

  #opened(): Promise<OperationStore> {
    this.#opening ??= this.#open().catch((error: unknown) => {
      this.#opening = undefined; // the next that needs it tries again
      throw error;
    });
    return this.#opening;
  }

  async #open(): Promise<OperationStore> {
    const { open, clock, log, gateways, stops, holder, forbidden, ended, spanOf } = this.#options;
    const store = await open();
    this.#store = store;
    this.#runner = new Runner({
      ...{ store, clock, log, gateways, stops, holder, forbidden, spanOf },
      ended: (record) => {
        ended(record);
        this.#wakeAll();
      },
    });
    if (!this.#isDraining) this.#runner.start();
    return store;
  }

  #change(untilMs: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const wake = () => {
        disarm();
        this.#wakes.delete(wake);
        signal.removeEventListener("abort", wake);
        resolve();
      };
      const disarm = this.#options.clock.at(untilMs, wake);
      this.#wakes.add(wake);
      signal.addEventListener("abort", wake, { once: true });
    });
  }

  #wakeAll(): void {
    for (const wake of [...this.#wakes]) wake();
  }
}

function draining(): GatewayError {
  return new GatewayError(DRAINING, { retryAfterMs: DRAINING_RETRY_MS });
}
