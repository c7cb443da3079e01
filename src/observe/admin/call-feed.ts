// Keeps the recent calls of one account and the rates at which they were sent. The reports of calls
// feed it, and the page reads it. Memory is bounded, regardless of the number of callers and calls.
import type { CallObserver, EndedCall, SentCall } from "../../gateway/call-observer.js";
import { CallerCounts, type SentLastMinute } from "./caller-counts.js";
import { LastMinute } from "./last-minute.js";
import { shownText } from "./shown-text.js";
import type { CallSnapshot, RefusalSnapshot, ShownPace, ShownResult, Throttles, Totals } from "./snapshot.js";
import { UnacceptedCalls } from "./unaccepted-calls.js";

const RECENT = 20;
const TROUBLED = 10;
const CALLERS_SHOWN = 3;

const LONGEST_NAME = 64;
const LONGEST_CODE = 120;

export class CallFeed implements CallObserver {
  readonly #calls = new LastMinute();
  readonly #devices = new LastMinute();
  readonly #accepted = new LastMinute();
  readonly #notAccepted = new LastMinute();
  readonly #unaccepted = new UnacceptedCalls();
  readonly #throttles = new LastMinute();
  readonly #callers = new CallerCounts();
  readonly #underWay = new Map<SentCall, CallSnapshot>();
  readonly #totals: Record<ShownResult, number> = { accepted: 0, refused: 0, throttled: 0, lost: 0, unwritten: 0 };
  #recent: CallSnapshot[] = [];
  #troubled: CallSnapshot[] = [];
  #devicesAccepted = 0;
  #lastThrottleWallMs: number | undefined;
  #number = 0;

  sent(call: SentCall): void {
    this.#number += 1;
    const record = recordOf(call, this.#number);
    this.#underWay.set(call, record);
    this.#recent = [record, ...this.#recent].slice(0, RECENT);
    this.#calls.add(call.sentMs, 1);
    this.#devices.add(call.sentMs, call.devices);
  }

  ended(call: SentCall, end: EndedCall): void {
    const underWay = this.#underWay.get(call);
    if (!underWay) return;
    this.#underWay.delete(call);
    const result = end.kind === "refused" && end.throttled ? "throttled" : end.kind;
    const record = { ...underWay, ...endOf(result, end) };
    this.#recent = this.#recent.map((each) => (each === underWay ? record : each));
    if (result !== "accepted") {
      this.#troubled = [record, ...this.#troubled].slice(0, TROUBLED);
      this.#unaccepted.add(call, end);
    }
    this.#count(call, result, end);
  }

  /** The calls to show, newest first. */
  get calls(): CallSnapshot[] {
    const older = this.#troubled.filter((call) => !this.#recent.includes(call));
    return [...this.#recent, ...older.sort((a, b) => b.number - a.number)];
  }

  /** Calls that were not accepted, by code and caller. */
  get refusals(): RefusalSnapshot[] {
    return this.#unaccepted.latest;
  }

  get totals(): Totals {
    return { calls: { ...this.#totals }, devicesAccepted: this.#devicesAccepted };
  }

  throttles(nowMs: number): Throttles {
    const lastWallMs = this.#lastThrottleWallMs;
    return {
      total: this.#totals.throttled,
      lastMinute: this.#throttles.total(nowMs),
      ...(lastWallMs !== undefined && { lastWallMs }),
    };
  }

  pace(nowMs: number): ShownPace {
    return {
      callsLastSecond: this.#calls.lastSecond(nowMs),
      mostCallsInASecond: this.#calls.mostInASecond(nowMs),
      acceptedLastSecond: this.#accepted.lastSecond(nowMs),
      notAcceptedLastSecond: this.#notAccepted.lastSecond(nowMs),
      calls: this.#calls.perSecond(nowMs),
      devices: this.#devices.perSecond(nowMs),
      accepted: this.#accepted.perSecond(nowMs),
      notAccepted: this.#notAccepted.perSecond(nowMs),
    };
  }

  sentLastMinute(nowMs: number): SentLastMinute {
    return this.#callers.lastMinute(nowMs);
  }

  #count(call: SentCall, result: ShownResult, { endedMs, durationMs }: EndedCall): void {
    this.#totals[result] += 1;
    if (result === "accepted") this.#devicesAccepted += call.devices;
    (result === "accepted" ? this.#accepted : this.#notAccepted).add(endedMs, call.devices);
    if (result === "throttled") {
      this.#throttles.add(endedMs, 1);
      this.#lastThrottleWallMs = call.sentWallMs + durationMs;
    }
    if (result === "unwritten") {
      // It was never sent, so the upstream cannot have counted it.
      this.#calls.add(call.sentMs, -1);
      this.#devices.add(call.sentMs, -call.devices);
    } else {
      for (const [caller, devices] of call.devicesByCaller) this.#callers.add(caller, devices, endedMs);
    }
  }
}

function recordOf(call: SentCall, number: number): CallSnapshot {
  const byDevices = [...call.devicesByCaller].sort(([, a], [, b]) => b - a);
  const callers = byDevices.slice(0, CALLERS_SHOWN);
  return {
    number,
    sentWallMs: call.sentWallMs,
    devices: call.devices,
    callers: callers.map(([caller, devices]) => ({ caller: shownText(caller, LONGEST_NAME), devices })),
    otherCallers: byDevices.length - callers.length,
    productKey: shownText(call.productKey, LONGEST_NAME),
    firmwareId: shownText(call.firmwareId, LONGEST_NAME),
    jobId: shownText(call.jobId, LONGEST_NAME),
    attempt: call.attempt,
  };
}

function endOf(result: ShownResult, { durationMs, requestId, code, cause }: EndedCall) {
  const why = code || cause;
  return {
    result,
    durationMs: Math.round(durationMs),
    ...(requestId && { requestId: shownText(requestId, LONGEST_NAME) }),
    ...(why && { code: shownText(why, LONGEST_CODE) }),
  };
}
