// Knows one account as it is at this moment: its condition, its ledger, what waits, and how long
// that will take. Everything that shows or plans asks here, so that all say the same.
import type { Clock } from "../../base/clock.js";
import { NEW_CALLER, type Outlook, plan } from "../admission/admission.js";
import type { Deadlines } from "../admission/deadlines.js";
import type { EndedCall } from "../call-observer.js";
import { byPriority, PRIORITIES, type Priority } from "../command.js";
import type { Dispatcher } from "../dispatcher.js";
import type { Forecast, Limiter } from "../limiter.js";
import type { Upstream } from "../upstream.js";
import type { Waiter } from "../waiter.js";
import type { AccountReading, AccountState } from "./account-state.js";
import { type Condition, conditionOf } from "./condition.js";
import type { CallTrend, RecentCalls } from "./recent-calls.js";

export interface AccountMonitorOptions {
  readonly clock: Clock;
  readonly limiter: Limiter;
  readonly upstream: Upstream;
  readonly dispatcher: Dispatcher;
  readonly deadlines: Deadlines;
  readonly recentCalls: RecentCalls;
}

/** How long a forecast is reused: thousands of requests may arrive within milliseconds. */
const FORECAST_MS = 5;

export class AccountMonitor {
  readonly #options: AccountMonitorOptions;
  #ledger: { readonly forecast: Forecast; readonly obstacle: string | undefined } = { forecast: () => 0, obstacle: "" };
  #ledgerMs = -Infinity;
  /** When the ledger was last seen unable to grant any token, and why. */
  #hindered = { obstacle: "", seenMs: -Infinity };

  constructor(options: AccountMonitorOptions) {
    this.#options = options;
  }

  /** The one state of the account that everything shows. */
  condition(): Condition {
    const { clock, limiter, recentCalls, dispatcher } = this.#options;
    const ledger = limiter.state();
    this.#noteObstacle(ledger.obstacle);
    return conditionOf({
      ledger,
      calls: recentCalls.trend,
      waitingDevices: dispatcher.queue.backlog.devices,
      // A request that is being read back waits for no token.
      oldestSinceMs: () => this.#oldestSinceMs(({ open }) => open),
      nowMs: clock.now(),
    });
  }

  /** The state of the account now. */
  state(): AccountState {
    const { clock, limiter } = this.#options;
    const outlook = this.outlook();
    const ledger = limiter.state();
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
      ...(pausedForMs > 0 && { pausedUntilWallMs: clock.wallNow() + pausedForMs }),
      ...(fallbackForMs > 0 && { fallbackUntilWallMs: clock.wallNow() + fallbackForMs }),
    };
  }

  /** The state of the account now, for the operator. */
  reading(): AccountReading {
    const outlook = this.outlook();
    const { backlog } = outlook.queue;
    const condition = this.condition();
    const waitMs = (priority: Priority) => plan({ ...NEW_CALLER, priority }, 1, outlook).waitMs;
    return {
      condition,
      ledger: this.#options.limiter.state(),
      waitingDevices: byPriority((priority) => backlog.devicesIn(priority)),
      waitingByCaller: backlog.devicesByCaller,
      expectedWaitMs: byPriority((priority) => (condition.isForeseeable ? waitMs(priority) : Infinity)),
      oldestSinceMs: this.#oldestSinceMs(),
      remainingMs: (caller) => this.remainingMs(caller),
    };
  }

  /** Time until all that waits for this caller is done; Infinity if it cannot be foreseen. */
  remainingMs(caller: string): number {
    if (!this.condition().isForeseeable) return Infinity;
    const { backlog } = this.#options.dispatcher.queue;
    const waiting = PRIORITIES.filter((priority) => backlog.devicesOf(caller, priority) > 0);
    const outlook = this.outlook();
    return Math.max(...waiting.map((priority) => plan({ caller, priority }, 1, outlook).durationMs), outlook.answerMs);
  }

  /** Expected time until so many further devices of this caller and class are done. */
  expectedMs(caller: string, priority: Priority, devices: number): number {
    return plan({ caller, priority }, devices, this.outlook()).durationMs;
  }

  /** The results of the latest calls. */
  get calls(): CallTrend {
    return this.#options.recentCalls.trend;
  }

  /** To be called with the end of a harmless call, made to see whether calls can be made. */
  tried(end: EndedCall): void {
    this.#options.recentCalls.tried(end);
  }

  /** The facts that admission decides by. */
  outlook(): Outlook {
    const { clock, dispatcher, limiter, upstream } = this.#options;
    const { queue, answerMs } = dispatcher;
    const nowMs = clock.now();
    if (nowMs - this.#ledgerMs >= FORECAST_MS) {
      const { obstacle } = limiter.state();
      this.#ledger = { forecast: limiter.forecast(answerMs), obstacle };
      this.#ledgerMs = nowMs;
    }
    this.#noteObstacle(this.#ledger.obstacle); // each time: a later request may expire for it
    return { queue, ...this.#ledger, answerMs, devicesPerCall: upstream.room.devices, nowMs };
  }

  /** Why the ledger granted nothing at some moment since then; undefined if it always could. */
  obstacleSince(sinceMs: number): string | undefined {
    this.#noteObstacle(this.#options.limiter.state().obstacle);
    return this.#hindered.seenMs >= sinceMs ? this.#hindered.obstacle : undefined;
  }

  #noteObstacle(obstacle: string | undefined): void {
    if (obstacle) this.#hindered = { obstacle, seenMs: this.#options.clock.now() };
  }

  /** Arrival of the oldest of those requests whose deadline has not passed. */
  #oldestSinceMs(isOne: (waiter: Waiter) => boolean = () => true): number | undefined {
    let oldest: Waiter | undefined;
    for (const waiter of this.#options.deadlines.waiting) {
      if (isOne(waiter) && (!oldest || waiter.arrivedMs < oldest.arrivedMs)) oldest = waiter;
    }
    return oldest?.arrivedMs;
  }
}
