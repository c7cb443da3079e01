// A real gateway under the hand clock, with an upstream whose calls end on command, and a record of
// all events for the reference to judge.
import { expect } from "vitest";
import type { Command } from "../../src/gateway/command.js";
import type { DeviceOutcome } from "../../src/gateway/device-outcome.js";
import { GatewayError } from "../../src/gateway/failures.js";
import { Gateway } from "../../src/gateway/gateway.js";
import { EQUAL } from "./fake-callers.js";
import { aCommand } from "./fake-command.js";
import { FakeLimiter } from "./fake-limiter.js";
import { FakeLog } from "./fake-log.js";
import { type Asked, type Away, checkTime, checkTold, checkVerdict, type Sent } from "./gateway-reference.js";
import { HandClock } from "./hand-clock.js";
import { CALL_TIMEOUT_MS, ManualUpstream, SEATS } from "./manual-upstream.js";
import { checkSent, tokenBackMs } from "./sent-reference.js";

const QUOTA = 4;
const BOUNDS = { queuedDevices: 40, queuedDevicesPerCaller: 20 };
/**
 * The longest that anything takes once the upstream is well: bisection, backoffs, tokens of lost
 * calls.
 */
const LONG_MS = 600_000;
const WITHDRAWAL_MS = 1000;

export class GatewayWorld {
  readonly clock = new HandClock();
  readonly upstream: ManualUpstream;
  readonly #limiter: FakeLimiter;
  readonly #gateway: Gateway;
  readonly #openingMs: number;
  readonly #asked: Asked[] = [];
  readonly #aborts: (() => void)[] = [];
  readonly #withdrawals: (() => void)[] = [];
  readonly #answered: (readonly DeviceOutcome[])[] = [];
  readonly #awayMs: Away[] = [];
  #pausedUntilMs = 0;
  #nth = 0;
  #drained: { isOver: boolean; readonly byMs: number } | undefined;

  constructor({ openingMs }: { openingMs: number }) {
    const { clock } = this;
    this.#openingMs = openingMs;
    this.upstream = new ManualUpstream(clock, () => ++this.#nth, {
      sent: (call) => this.#sent(call),
      ended: (call) => this.#ended(call),
    });
    this.#limiter = new FakeLimiter({ clock, openingMs, callsPerSecond: QUOTA, callTimeoutMs: CALL_TIMEOUT_MS });
    this.#gateway = new Gateway({
      account: "default",
      clock,
      limiter: this.#limiter,
      upstream: this.upstream,
      log: new FakeLog(),
      callers: EQUAL,
      random: () => 0.5,
      bounds: BOUNDS,
      answered: (_, outcomes) => void this.#answered.push(outcomes),
    });
  }

  ask(asking: Partial<Command>): void {
    const command = aCommand(asking);
    const expected = this.#refusal(command);
    const one: Asked = { nth: ++this.#nth, command, askedMs: this.clock.now(), told: [] };
    let request: ReturnType<Gateway["cancel"]>;
    try {
      request = this.#gateway.cancel(command);
    } catch (error) {
      expect(error).toBeInstanceOf(GatewayError);
      const { failure, retryAfterMs } = error as GatewayError;
      if (expected === "overloaded" || expected === "draining") expect(failure.kind).toBe(expected);
      else expect(["deadline-too-short", ...(this.#awayMs.length > 0 ? ["unavailable"] : [])]).toContain(failure.kind);
      expect(retryAfterMs).toBeGreaterThan(0);
      expect(command.answerByMs < Infinity || expected !== undefined).toBe(true);
      return;
    }
    expect(expected).toBeUndefined();
    this.#asked.push(one);
    this.#aborts.push(() => {
      if (one.told.length === 0) one.concluded = { byMs: this.clock.now(), kind: "aborted" };
      request.abort();
    });
    this.#withdrawals.push(() => {
      if (one.told.length === 0) {
        one.withdrawn = true;
        const { byMs = Infinity, kind = "aborted" } = one.concluded ?? {};
        one.concluded = { byMs: Math.min(byMs, this.clock.now() + WITHDRAWAL_MS), kind };
      }
      request.withdraw();
    });
    void request.told.then((answer) => {
      const calls = answer.calls.map((record) => ({ ...record })); // records of calls under way are completed at their end
      one.told.push({ nth: ++this.#nth, ms: this.clock.now(), answer: { ...answer, calls } });
    });
    request.answer.catch((error: GatewayError) => Object.assign(one.told[0] ?? {}, { error }));
  }

  abort(nth: number): void {
    this.#aborts[nth % (this.#aborts.length || 1)]?.();
  }

  withdraw(nth: number): void {
    this.#withdrawals[nth % (this.#withdrawals.length || 1)]?.();
  }

  /** Asks for a plan, which must change nothing. */
  plan(): void {
    const before = this.#gateway.monitor.reading().waitingDevices;
    const command = aCommand({ answerByMs: Infinity });
    if (this.#refusal(command)) expect(() => this.#gateway.validate(command)).toThrow(GatewayError);
    else expect(this.#gateway.validate(command).calls).toBe(1);
    expect(this.#gateway.monitor.reading().waitingDevices).toEqual(before);
  }

  ledgerGoes(): void {
    this.#limiter.leave();
    this.#awayMs.push([this.clock.now(), Infinity, ++this.#nth]);
  }

  ledgerComesBack(): void {
    this.#limiter.comeBack();
    const last = this.#awayMs.at(-1);
    if (last) last[1] = Math.min(last[1], this.clock.now());
  }

  takeFails(): void {
    this.#limiter.failures++;
  }

  grantIsOld(): void {
    this.#limiter.staleGrants = 1;
  }

  drain(withinMs: number): void {
    const byMs = this.clock.now() + withinMs;
    const drained = { isOver: false, byMs };
    this.#drained ??= drained;
    for (const one of this.#asked) if (one.told.length === 0) one.concluded ??= { byMs, kind: "draining" };
    void this.#gateway.drain(withinMs).then(() => {
      drained.isOver = true;
    });
  }

  /** Lets everything happen that can, and checks what must hold at every moment. */
  async settle(): Promise<void> {
    await this.clock.advance(0);
    for (const wrong of this.upstream.wrong) throw wrong;
    const { waitingDevices, waitingByCaller, oldestSinceMs } = this.#gateway.monitor.reading();
    const open = this.#asked.filter(({ told }) => told.length === 0);
    const sum = (counts: Iterable<number>) => [...counts].reduce((total, count) => total + count, 0);
    const waiting = sum(Object.values(waitingDevices));
    expect(sum(waitingByCaller.values())).toBe(waiting);
    expect(waiting).toBeLessThanOrEqual(sum(open.map(({ command }) => command.deviceNames.length)));
    expect(oldestSinceMs).toBe(open[0]?.askedMs);
    if (this.#drained) expect(this.#drained.isOver).toBe(open.length === 0);
    for (const { command, concluded } of open) {
      expect(this.clock.now()).toBeLessThan(Math.min(command.answerByMs, concluded?.byMs ?? Infinity));
    }
  }

  /** Lets the upstream recover, ends the run, and judges everything. */
  async end(): Promise<void> {
    this.ledgerComesBack();
    this.upstream.isWell = true;
    await this.clock.advance(LONG_MS);
    for (const wrong of this.upstream.wrong) throw wrong;
    // A caller with enough time waits until every device is settled.
    for (const { command, told, concluded } of this.#asked) {
      expect(told.length).toBe(1);
      if (command.answerByMs < this.clock.now() || concluded) continue;
      expect(told[0]?.answer.callIndexes).not.toContain(-1);
    }
    if (!this.#drained) this.drain(0);
    await this.settle();
    for (const one of this.#asked) {
      checkTold(one, this.upstream.calls);
      checkVerdict(one);
      checkTime(one, this.#awayMs);
    }
    expect(new Set(this.#answered)).toEqual(new Set(this.#asked.map(({ told }) => told[0]?.answer.outcomes)));
    expect(this.#answered.length).toBe(this.#asked.length);
    const { waitingByCaller, expectedWaitMs } = this.#gateway.monitor.reading();
    expect({ callers: waitingByCaller.size, ...expectedWaitMs }).toEqual({ callers: 0, urgent: 0, normal: 0, bulk: 0 });
    expect(this.#limiter.out).toBe(0);
    expect(this.#limiter.ends.length).toBe(this.#limiter.granted);
    expect(this.clock.armed).toBe(0);
    const sent = this.upstream.calls.length;
    await this.#gateway.close();
    await this.clock.advance(LONG_MS);
    expect(this.#limiter.closed).toBe(true);
    expect(this.upstream.calls.length).toBe(sent);
  }

  /** Why the command must be refused whatever its deadline, if it must. */
  #refusal({ caller, deviceNames }: Command): "draining" | "overloaded" | undefined {
    if (this.#drained) return "draining";
    const { waitingByCaller } = this.#gateway.monitor.reading();
    const own = waitingByCaller.get(caller) ?? 0;
    const all = [...waitingByCaller.values()].reduce((sum, devices) => sum + devices, 0);
    const isOver =
      own + deviceNames.length > BOUNDS.queuedDevicesPerCaller || all + deviceNames.length > BOUNDS.queuedDevices;
    return isOver ? "overloaded" : undefined;
  }

  #sent(call: Sent): void {
    const before = this.upstream.calls.slice(0, -1);
    checkSent(call, before, this.#asked, { devices: SEATS, callsPerSecond: QUOTA });
    const nowMs = this.clock.now();
    const out = this.upstream.calls.filter((other) => tokenBackMs(other, CALL_TIMEOUT_MS) > nowMs).length;
    expect(out).toBeLessThanOrEqual(QUOTA); // including this one
    expect(nowMs).toBeGreaterThanOrEqual(Math.max(this.#openingMs, this.#pausedUntilMs));
    expect(this.#awayMs.some(([from, to]) => from < nowMs && nowMs < to)).toBe(false);
  }

  #ended({ ended }: Sent): void {
    if (ended?.end.kind !== "refused" || ended.end.refusal.reaction.kind !== "throttled") return;
    const pauseMs = ended.end.refusal.retryAfterMs ?? 1000;
    this.#pausedUntilMs = Math.max(this.#pausedUntilMs, ended.ms + pauseMs);
  }
}
