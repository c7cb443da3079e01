// The path of one request: admit it, queue it, settle it before its deadline, and judge the answer.
// Every admitted request is answered exactly once, even if it is aborted or the gateway drains.
import type { Span } from "@opentelemetry/api";
import type { Clock } from "../base/clock.js";
import { AccountMonitor } from "./account/account-monitor.js";
import { RecentCalls } from "./account/recent-calls.js";
import { type AdmissionBounds, admit, type Plan, plan, retryAfterMs, roomOf } from "./admission/admission.js";
import { Deadlines } from "./admission/deadlines.js";
import type { Command } from "./command.js";
import type { DeviceOutcome } from "./device-outcome.js";
import { Dispatcher, type DispatcherOptions } from "./dispatcher.js";
import type { Check } from "./existence/device-check.js";
import { DRAINING, type Failure, type FailureKind, GatewayError } from "./failures.js";
import type { Follower } from "./follower.js";
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
  /** Resolves if the rpc succeeds, otherwise rejects with GatewayError. With a follower, `told`. */
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

const EXPIRED: Failure = {
  kind: "expired",
  message: "the deadline passed while devices waited to be sent; retry with a longer deadline",
};
const ABORTED: Failure = { kind: "aborted", message: "the caller left" };
const WITHDRAWN: Failure = { kind: "aborted", message: "withdrawn by the caller before it was sent" };

/** How long a withdrawn request waits for the calls that its devices are in. */
const WITHDRAWAL_MS = 1000;

/** Temporary failures: the answer includes a time to retry. */
const PASSING: ReadonlySet<FailureKind> = new Set(["draining", "throttled", "unavailable"]);

export class Gateway {
  /** Knows the account as it is now. */
  readonly monitor: AccountMonitor;
  readonly #clock: Clock;
  readonly #options: GatewayOptions;
  readonly #dispatcher: Dispatcher;
  readonly #deadlines: Deadlines;
  #draining = false;
  #drained: () => void = () => {};

  constructor(options: GatewayOptions) {
    this.#clock = options.clock;
    this.#options = options;
    this.#deadlines = new Deadlines(options.clock, (waiter) => this.#expire(waiter));
    const recentCalls = new RecentCalls();
    this.#dispatcher = new Dispatcher({ ...options, observers: [...(options.observers ?? []), recentCalls] });
    const { clock, limiter, upstream } = options;
    this.monitor = new AccountMonitor({
      ...{ clock, limiter, upstream, recentCalls },
      ...{ dispatcher: this.#dispatcher, deadlines: this.#deadlines },
    });
    this.#dispatcher.start();
  }

  /**
   * Admits the command, or throws GatewayError. `span` is the caller's. `follower` is set for work
   * that goes on without a caller.
   */
  cancel(command: Command, span?: Span, follower?: Follower): Request {
    if (this.#draining) throw this.draining();
    const arrivedMs = this.#clock.now(); // before the outlook: an obstacle seen from now on counts for this request
    admit(command, this.#options.bounds, this.monitor.outlook());
    const waiter = new Waiter(command, arrivedMs, span, follower);
    this.#deadlines.add(waiter);
    this.#dispatcher.add(waiter);
    const { verifier, answered } = this.#options;
    const told =
      command.verify && verifier ? waiter.answer.then((answer) => verifier.verify(waiter, answer)) : waiter.answer;
    const settled = told.then((answer) => {
      this.#deadlines.delete(waiter);
      if (this.#deadlines.size === 0) this.#drained();
      answered?.(command.caller, answer.outcomes);
      return follower ? answer : this.#judge(command, answer); // nobody waits for a verdict on all its devices
    });
    settled.catch(ignore); // nobody handles it after the caller has left
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
    const outlook = this.monitor.outlook();
    admit(command, this.#options.bounds, outlook);
    const planned = plan(command, command.deviceNames.length, outlook);
    return this.monitor.condition().isForeseeable ? planned : { ...planned, waitMs: Infinity, durationMs: Infinity };
  }

  /** Reads which devices of a validated command exist, and sends nothing. */
  check(command: Command, span?: Span): Check {
    const { existence } = this.#dispatcher;
    if (!existence) throw new Error("a gateway without device readings cannot check devices");
    return existence.deviceCheck.check(command, span);
  }

  /** The most devices of this caller that may wait at once. */
  roomOf(caller: string): number {
    return roomOf(caller, this.#options.bounds);
  }

  /** Reads the tasks of a request back whose cancel was carried out before. Never rejects. */
  async verify(request: CarriedOut, answer: Answer): Promise<Answer> {
    return this.#options.verifier?.verify(request, answer) ?? answer;
  }

  /** Ends `verify` of that request now. */
  leaveVerify(request: CarriedOut): void {
    this.#options.verifier?.leave(request);
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
    const obstacle = this.monitor.obstacleSince(waiter.arrivedMs);
    const message = `no token was available in time: ${obstacle}`;
    this.#conclude(waiter, obstacle === undefined ? EXPIRED : { kind: "unavailable", message });
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
    return new GatewayError(failure, { causes, retryAfterMs: retryAfterMs(this.monitor.outlook()) });
  }
}

function ignore(): void {}
