// The path of one request: admit it, queue it, settle it before its deadline, and judge the answer.
// Every admitted request is answered exactly once, even if it is aborted or the gateway drains.
import type { Span } from "@opentelemetry/api";
import type { Clock } from "../base/clock.js";
import type { AccountReading, AccountState } from "./account-state.js";
import {
  type AdmissionBounds,
  admit,
  NEW_CALLER,
  type Outlook,
  type Plan,
  plan,
  retryAfterMs,
} from "./admission/admission.js";
import { Deadlines } from "./admission/deadlines.js";
import type { EndedCall } from "./call-observer.js";
import { byPriority, type Command, PRIORITIES, type Priority } from "./command.js";
import { type Condition, conditionOf } from "./condition.js";
import type { DeviceOutcome } from "./device-outcome.js";
import { Dispatcher, type DispatcherOptions } from "./dispatcher.js";
import type { Check } from "./existence/device-check.js";
import { type Failure, type FailureKind, GatewayError } from "./failures.js";
import type { Follower } from "./follower.js";
import type { Forecast } from "./limiter.js";
import { type CallTrend, RecentCalls } from "./recent-calls.js";
import { verdict } from "./verdict.js";
import type { CarriedOut, Verifier } from "./verifier.js";
import { type Answer, Waiter } from "./waiter.js";

export interface GatewayOptions extends DispatcherOptions {
  readonly bounds: AdmissionBounds;
  /** Without it, nothing is read back. */
  readonly verifier?: Verifier;
  /**
   * Called once for each admitted request, when it is answered. Must be quick and must not throw.
   */
  readonly answered?: (caller: string, outcomes: readonly DeviceOutcome[]) => void;
}

/** An admitted request. */
export interface Request {
  /** Resolves if the rpc succeeds, otherwise rejects with GatewayError. */
  readonly answer: Promise<Answer>;
  /**
   * Resolves with what is known about each device, whether the rpc succeeds or not. Never rejects.
   */
  readonly told: Promise<Answer>;
  /** To be called when the caller has left: devices that were not sent leave the queue. */
  abort(): void;
  /**
   * Devices that were not sent leave the queue; the answer comes when the calls under way have
   * ended, or a second later.
   */
  withdraw(): void;
  /**
   * Devices that were not sent leave the queue with this failure; the answer comes when the calls
   * under way have ended, however long they take.
   */
  recall(failure: Failure): void;
}

/** How long a forecast is reused: thousands of requests may arrive within milliseconds. */
const FORECAST_MS = 5;

const EXPIRED: Failure = {
  kind: "expired",
  message: "the deadline passed while devices waited to be sent; retry with a longer deadline",
};
const ABORTED: Failure = { kind: "aborted", message: "the caller left" };
const WITHDRAWN: Failure = { kind: "aborted", message: "withdrawn by the caller before it was sent" };
const DRAINING: Failure = { kind: "draining", message: "this gateway is shutting down; retry on another replica" };

/** How long a withdrawn request waits for the calls that its devices are in. */
const WITHDRAWAL_MS = 1000;

/** Temporary failures: the answer includes a time to retry. */
const PASSING: ReadonlySet<FailureKind> = new Set(["draining", "throttled", "unavailable"]);

export class Gateway {
  readonly #clock: Clock;
  readonly #options: GatewayOptions;
  readonly #dispatcher: Dispatcher;
  readonly #deadlines: Deadlines;
  readonly #recentCalls = new RecentCalls();
  #ledger: { readonly forecast: Forecast; readonly obstacle: string | undefined } = { forecast: () => 0, obstacle: "" };
  #ledgerMs = -Infinity;
  /** When the ledger was last seen unable to grant any token, and why. */
  #hindered = { obstacle: "", seenMs: -Infinity };
  #draining = false;
  #drained: () => void = () => {};

  constructor(options: GatewayOptions) {
    this.#clock = options.clock;
    this.#options = options;
    this.#deadlines = new Deadlines(options.clock, (waiter) => this.#expire(waiter));
    this.#dispatcher = new Dispatcher({ ...options, observers: [...(options.observers ?? []), this.#recentCalls] });
    this.#dispatcher.start();
  }

  /**
   * Admits the command, or throws GatewayError. `span` is the caller's. `follower` is set for work
   * that goes on without a caller.
   */
  cancel(command: Command, span?: Span, follower?: Follower): Request {
    if (this.#draining) throw this.draining();
    admit(command, this.#options.bounds, this.#outlook());
    const waiter = new Waiter(command, this.#clock.now(), span, follower);
    this.#deadlines.add(waiter);
    this.#dispatcher.add(waiter);
    const { verifier, answered } = this.#options;
    const told =
      command.verify && verifier ? waiter.answer.then((answer) => verifier.verify(waiter, answer)) : waiter.answer;
    const settled = told.then((answer) => {
      this.#deadlines.delete(waiter);
      if (this.#deadlines.size === 0) this.#drained();
      answered?.(command.caller, answer.outcomes);
      return this.#judge(command, answer);
    });
    settled.catch(() => {}); // nobody handles it after the caller has left
    return {
      answer: settled,
      told,
      abort: () => this.#conclude(waiter, ABORTED),
      withdraw: () => this.#withdraw(waiter, told),
      recall: (failure) => {
        this.#dispatcher.leave(waiter);
        waiter.withdraw(failure);
      },
    };
  }

  /** Plans the command without sending anything. Throws GatewayError where `cancel` would. */
  validate(command: Command): Plan {
    if (this.#draining) throw this.draining();
    const outlook = this.#outlook();
    admit(command, this.#options.bounds, outlook);
    const planned = plan(command, command.deviceNames.length, outlook);
    return this.condition().isForeseeable ? planned : { ...planned, waitMs: Infinity, durationMs: Infinity };
  }

  /** Reads which devices of a validated command exist, and sends nothing. */
  check(command: Command, span?: Span): Check {
    const { existence } = this.#dispatcher;
    if (!existence) throw new Error("a gateway without device readings cannot check devices");
    return existence.deviceCheck.check(command, span);
  }

  /** The state of the account now. */
  state(): AccountState {
    const outlook = this.#outlook();
    const ledger = this.#options.limiter.state();
    const { obstacle, isForeseeable } = this.condition();
    const { devices, devicesByCaller } = outlook.queue.backlog;
    const pausedForMs = ledger.pausedUntilMs - outlook.nowMs;
    const fallbackForMs = (ledger.arrived?.fallbackUntilMs ?? -Infinity) - outlook.nowMs;
    return {
      ledger,
      waitingDevices: devices,
      waitingCallers: devicesByCaller.size,
      expectedWaitMs: isForeseeable ? plan(NEW_CALLER, 1, outlook).waitMs : Infinity,
      obstacle,
      ...(pausedForMs > 0 && { pausedUntilWallMs: this.#clock.wallNow() + pausedForMs }),
      ...(fallbackForMs > 0 && { fallbackUntilWallMs: this.#clock.wallNow() + fallbackForMs }),
    };
  }

  /** The state of the account now, for the operator. */
  reading(): AccountReading {
    const outlook = this.#outlook();
    const { backlog } = outlook.queue;
    const condition = this.condition();
    const waitMs = (priority: Priority) => plan({ ...NEW_CALLER, priority }, 1, outlook).waitMs;
    return {
      condition,
      ledger: this.#options.limiter.state(),
      waitingDevices: byPriority((priority) => backlog.devicesIn(priority)),
      waitingByCaller: backlog.devicesByCaller,
      expectedWaitMs: byPriority((priority) => (condition.isForeseeable ? waitMs(priority) : Infinity)),
      oldestSinceMs: oldestOf(this.#deadlines.waiting)?.arrivedMs,
      remainingMs: (caller) => this.remainingMs(caller),
    };
  }

  /** Time until all that waits for this caller is done; Infinity if it cannot be foreseen. */
  remainingMs(caller: string): number {
    if (!this.condition().isForeseeable) return Infinity;
    const { backlog } = this.#dispatcher.queue;
    const waiting = PRIORITIES.filter((priority) => backlog.devicesOf(caller, priority) > 0);
    const outlook = this.#outlook();
    return Math.max(...waiting.map((priority) => plan({ caller, priority }, 1, outlook).durationMs), outlook.answerMs);
  }

  /** Expected time until so many further devices of this caller and class are done. */
  expectedMs(caller: string, priority: Priority, devices: number): number {
    return plan({ caller, priority }, devices, this.#outlook()).durationMs;
  }

  /** The most devices of this caller that may wait at once. */
  roomOf(caller: string): number {
    const { queuedDevices, queuedDevicesPerCaller, queuedDevicesOf } = this.#options.bounds;
    return Math.min(queuedDevices, queuedDevicesOf?.(caller) ?? queuedDevicesPerCaller);
  }

  /** Reads the tasks of a request back whose cancel was carried out before. Never rejects. */
  async verify(request: CarriedOut, answer: Answer): Promise<Answer> {
    return this.#options.verifier?.verify(request, answer) ?? answer;
  }

  /** Ends `verify` of that request now. */
  leaveVerify(request: CarriedOut): void {
    this.#options.verifier?.leave(request);
  }

  /** The one state of the account that everything shows. */
  condition(): Condition {
    return conditionOf({
      ledger: this.#options.limiter.state(),
      calls: this.#recentCalls.trend,
      waitingDevices: this.#dispatcher.queue.backlog.devices,
      oldestSinceMs: () => oldestOf(this.#deadlines.waiting)?.arrivedMs,
      nowMs: this.#clock.now(),
    });
  }

  /** The results of the latest calls. */
  get calls(): CallTrend {
    return this.#recentCalls.trend;
  }

  /** To be called with the end of a harmless call, made to see whether calls can be made. */
  tried(end: EndedCall): void {
    this.#recentCalls.tried(end);
  }

  /** The error for requests that arrive while the gateway drains. */
  draining(): GatewayError {
    return this.#error(DRAINING);
  }

  /**
   * Stops admitting, and resolves when all admitted requests are answered, at the latest after
   * `withinMs`.
   */
  async drain(withinMs: number): Promise<void> {
    this.#draining = true;
    this.#dispatcher.existence?.deviceCheck.end(DRAINING);
    if (this.#deadlines.size === 0) return;
    const drainedBefore = this.#drained;
    await new Promise<void>((resolve) => {
      const disarm = this.#clock.at(this.#clock.now() + withinMs, () => {
        for (const waiter of this.#deadlines.waiting) this.#conclude(waiter, DRAINING);
      });
      this.#drained = () => {
        drainedBefore(); // earlier callers of `drain` wait as well
        disarm();
        resolve();
      };
    });
  }

  /** Waits, after `drain`, for the calls in flight, and releases everything. */
  async close(): Promise<void> {
    const { limiter, verifier } = this.#options;
    await Promise.all([this.#dispatcher.close().then(() => limiter.close()), verifier?.close()]);
  }

  /**
   * Ends a waiter at its deadline. If the ledger granted nothing meanwhile, that is reported as the
   * reason.
   */
  #expire(waiter: Waiter): void {
    this.#noteObstacle(this.#options.limiter.state().obstacle);
    const message = `no token was available in time: ${this.#hindered.obstacle}`;
    this.#conclude(waiter, this.#hindered.seenMs >= waiter.arrivedMs ? { kind: "unavailable", message } : EXPIRED);
  }

  #noteObstacle(obstacle: string | undefined): void {
    if (obstacle) this.#hindered = { obstacle, seenMs: this.#clock.now() };
  }

  #conclude(waiter: Waiter, failure: Failure): void {
    this.#dispatcher.leave(waiter);
    waiter.conclude(failure);
    this.#options.verifier?.leave(waiter);
  }

  #withdraw(waiter: Waiter, told: Promise<Answer>): void {
    this.#dispatcher.leave(waiter);
    waiter.withdraw(WITHDRAWN);
    const disarm = this.#clock.at(this.#clock.now() + WITHDRAWAL_MS, () => this.#conclude(waiter, WITHDRAWN));
    void told.then(disarm);
  }

  #judge(command: Command, answer: Answer): Answer {
    const judged = verdict(answer.outcomes, command.deviceNames, command.requireAll);
    if (judged) throw this.#error(judged.failure, judged.causes);
    return answer;
  }

  #error(failure: Failure, causes: GatewayError["causes"] = []): GatewayError {
    if (!PASSING.has(failure.kind)) return new GatewayError(failure, { causes });
    return new GatewayError(failure, { causes, retryAfterMs: retryAfterMs(this.#outlook()) });
  }

  #outlook(): Outlook {
    const { limiter, upstream } = this.#options;
    const { queue, answerMs } = this.#dispatcher;
    const nowMs = this.#clock.now();
    if (nowMs - this.#ledgerMs >= FORECAST_MS) {
      const { obstacle } = limiter.state();
      this.#noteObstacle(obstacle);
      this.#ledger = { forecast: limiter.forecast(answerMs), obstacle };
      this.#ledgerMs = nowMs;
    }
    return { queue, ...this.#ledger, answerMs, devicesPerCall: upstream.room.devices, nowMs };
  }
}

function oldestOf(waiters: readonly Waiter[]): Waiter | undefined {
  let oldest = waiters[0];
  for (const waiter of waiters) if (oldest && waiter.arrivedMs < oldest.arrivedMs) oldest = waiter;
  return oldest;
}
