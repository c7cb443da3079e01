// Makes the calls that the stop of a rollout asks for. Calls that change something are made only
// until the operation's lease or its time is over; both kinds can be withdrawn while they wait.
import type { Span } from "@opentelemetry/api";
import { type Clock, sleepUntil } from "../../base/clock.js";
import type { DeviceOutcome } from "../../gateway/device-outcome.js";
import { type Failure, GatewayError } from "../../gateway/failures.js";
import type { Gateway, Request } from "../../gateway/gateway.js";
import type { JobCalls } from "../../rollout/job-calls.js";
import type { JobCall } from "../../rollout/job-operator.js";
import type { StopCall, StopCallEnd } from "../../rollout/stop-call.js";
import type { SweepCall } from "../../rollout/sweep.js";
import type { StopSpec } from "./stop-spec.js";

export interface StopCallsOptions {
  readonly clock: Clock;
  readonly calls: Pick<JobCalls, "call">;
  readonly gateway: Pick<Gateway, "cancel">;
  readonly caller: string;
  readonly spec: StopSpec;
  readonly span: Span | undefined;
  /** Nothing that changes something is sent from then on; may change at any time. */
  readonly sendUntilMs: () => number;
  readonly settled: (call: SweepCall, name: string, outcome: DeviceOutcome) => void;
  /** Unexpected errors. */
  readonly failed: (error: unknown) => void;
  readonly ended: (call: StopCall, result: StopCallEnd) => void;
}

/** The queue may be full for a moment. */
const QUEUE_RETRY_MS = 1000;
const FAILED = { kind: "lost", message: "the gateway failed while it made the call" } as const;
const NO_ROOM: Failure = { kind: "overloaded", subject: "caller", message: "there was no room in the queue" };

export class StopCalls {
  readonly #options: StopCallsOptions;
  readonly #changing = new AbortController();
  readonly #reading = new AbortController();
  readonly #requests = new Set<Request>();
  #underWay = 0;
  /** Upstream calls so far; a sweep's are counted as they are sent. */
  count: number;
  #lastSentWallMs = -Infinity;
  #withdrawnBy: Failure | undefined;

  constructor(options: StopCallsOptions, count: number) {
    this.#options = options;
    this.count = count;
  }

  get underWay(): number {
    return this.#underWay;
  }

  /** Whether nothing is made any more, readings included. */
  get hasLeft(): boolean {
    return this.#reading.signal.aborted;
  }

  make(call: StopCall): void {
    this.#underWay++;
    void this.#make(call);
  }

  /** Never rejects, and reports an end whatever fails: the machine would wait for it forever. */
  async #make(call: StopCall): Promise<void> {
    const { clock, failed, ended } = this.#options;
    const [sentMs, sentWallMs] = [clock.now(), clock.wallNow()];
    try {
      const making = call.operation === "CancelOTATaskByDevice" ? this.#sweep(call) : this.#onBatch(call);
      const result = await making.catch((error: unknown): StopCallEnd => {
        failed(error);
        // It may have been sent.
        return { end: FAILED, sentMs, sentWallMs, endedMs: clock.now(), attempts: 1 };
      });
      this.#underWay--;
      ended(call, result);
    } catch (error) {
      failed(error);
    }
  }

  /** Calls that change something and were not sent are withdrawn. */
  stopChanging(why: Failure): void {
    this.#withdrawnBy ??= why;
    this.#changing.abort();
    this.recallSweeps(why);
  }

  /** Devices that wait in the queue leave it: the next pass of their sweep finds them again. */
  recallSweeps(why: Failure): void {
    for (const request of this.#requests) request.recall(why);
  }

  /** Withdraws everything that was not sent. */
  leave(why: Failure): void {
    this.stopChanging(why);
    this.#reading.abort();
  }

  /** Reads pages of tasks. Not complete if any could not be read. */
  async read(pages: readonly JobCall[]): Promise<{ readonly names: readonly string[]; readonly isComplete: boolean }> {
    const ends = await Promise.all(pages.map(async (call) => (await this.#onBatch(call)).end));
    const names = ends.flatMap((end) =>
      end.kind === "accepted" && end.answer?.kind === "tasks" ? [end.answer.tasks.map((task) => task.deviceName)] : [],
    );
    return { names: names.flat(), isComplete: names.length === pages.length };
  }

  async #onBatch(call: Exclude<StopCall, SweepCall>): Promise<StopCallEnd> {
    const { calls, caller, spec, span, sendUntilMs } = this.#options;
    const { productKey, firmwareId, iotInstanceId } = spec.scope;
    const isChange = call.operation.startsWith("Cancel");
    const { signal } = isChange ? this.#changing : this.#reading;
    const untilMs = isChange ? sendUntilMs() : Infinity;
    const result = await calls.call(call, { caller, productKey, firmwareId, iotInstanceId, span }, untilMs, signal);
    this.count += result.attempts;
    return result;
  }

  async #sweep(call: SweepCall): Promise<StopCallEnd> {
    const { clock, gateway, caller, spec, span, sendUntilMs, settled } = this.#options;
    const { account, scope, priority } = spec;
    const { jobId, deviceNames } = call;
    const command = { account, scope: { ...scope, jobId }, deviceNames, caller, priority };
    let sentWallMs: number | undefined;
    let request: Request;
    try {
      if (this.#withdrawnBy) return this.#unsent(call, this.#withdrawnBy);
      request = gateway.cancel({ ...command, answerByMs: Infinity, requireAll: false, verify: false }, span, {
        get sendUntilMs() {
          return sendUntilMs();
        },
        sent: (wallMs) => {
          sentWallMs = wallMs;
          if (wallMs !== this.#lastSentWallMs) this.count++;
          this.#lastSentWallMs = wallMs;
        },
        settled: (index, outcome) => settled(call, deviceNames[index] as string, outcome),
      });
    } catch (error) {
      if (!(error instanceof GatewayError)) this.#options.failed(error);
      // The next pass finds its devices again.
      await sleepUntil(clock, clock.now() + QUEUE_RETRY_MS, this.#changing.signal).catch(() => {});
      return this.#unsent(call, NO_ROOM);
    }
    this.#requests.add(request);
    const { outcomes } = await request.told;
    this.#requests.delete(request);
    for (const [index, outcome] of outcomes.entries()) settled(call, deviceNames[index] as string, outcome);
    const accepted = outcomes.filter(({ kind }) => kind === "accepted").length;
    const endedMs = clock.now();
    const sentMs = sentWallMs === undefined ? undefined : endedMs - (clock.wallNow() - sentWallMs);
    return { end: { kind: "swept", accepted }, sentMs, sentWallMs, endedMs, attempts: 1 };
  }

  #unsent(call: SweepCall, failure: Failure): StopCallEnd {
    const { clock, settled } = this.#options;
    for (const name of call.deviceNames) settled(call, name, { kind: "not-attempted", failure });
    const end = { kind: "withdrawn", message: failure.message } as const;
    return { end, sentMs: undefined, sentWallMs: undefined, endedMs: clock.now(), attempts: 0 };
  }
}
