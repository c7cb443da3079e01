// A reference for what the gateway owes its callers, judged from outside: from what was asked, what
// was sent, how that ended, and what was answered, in the order in which it happened. It knows no
// queue, no scope queues and no turns.
import { expect } from "vitest";
import type { Command } from "../../src/gateway/command.js";
import type { DeviceOutcome } from "../../src/gateway/device-outcome.js";
import type { FailureKind, GatewayError } from "../../src/gateway/failures.js";
import type { CallEnd, CancelCall } from "../../src/gateway/upstream.js";
import type { Answer, CallRecord } from "../../src/gateway/waiter.js";

/**
 * A call as the upstream saw it. `nth` numbers all events, so that simultaneous ones have an order
 * too.
 */
export interface Sent extends CancelCall {
  readonly nth: number;
  readonly sentMs: number;
  readonly sentWallMs: number;
  ended?: { readonly nth: number; readonly ms: number; readonly end: CallEnd };
}

/** An admitted request. */
export interface Asked {
  readonly nth: number;
  readonly command: Command;
  readonly askedMs: number;
  /** Set if it was aborted or the gateway drains: when it must be answered, before its deadline. */
  concluded?: { readonly byMs: number; readonly kind: "aborted" | "draining" };
  /** Set if it was withdrawn: from then on it is not sent. */
  withdrawn?: true;
  readonly told: Told[];
}

export interface Told {
  readonly nth: number;
  readonly ms: number;
  readonly answer: Answer;
  /** The error of a failed rpc. */
  error?: GatewayError;
}

/** Whether the outcome of a call was unknown to a caller who was answered at `beforeNth`. */
function isUnclear({ ended, deviceNames }: Sent, beforeNth: number): boolean {
  if (!ended || ended.nth > beforeNth) return true;
  if (ended.end.kind === "lost") return true;
  if (ended.end.kind !== "refused") return false;
  const { reaction } = ended.end.refusal;
  return (
    reaction.kind === "unavailable" || (reaction.kind === "rejected" && reaction.deviceFault && deviceNames.length > 1)
  );
}

/** Whether another call would gain nothing. */
function isFinal({ ended, deviceNames }: Sent): boolean {
  if (ended?.end.kind === "accepted") return true;
  if (ended?.end.kind !== "refused") return false;
  const { reaction } = ended.end.refusal;
  if (reaction.kind === "rejected") return !reaction.deviceFault || deviceNames.length === 1;
  return reaction.kind === "internal" && !reaction.recovered;
}

function isAccepted({ ended }: Sent): boolean {
  return ended?.end.kind === "accepted";
}

function isRejected(call: Sent): boolean {
  return call.ended?.end.kind === "refused" && call.ended.end.refusal.reaction.kind === "rejected";
}

/** Checks the answer to one request against all calls. */
export function checkTold({ command, nth, concluded, withdrawn, told: [told] }: Asked, calls: readonly Sent[]): void {
  if (!told) throw new Error("never told");
  const { deviceNames } = command;
  const { outcomes, callIndexes, calls: records } = told.answer;
  expect(outcomes.length).toBe(deviceNames.length);
  expect(callIndexes.length).toBe(deviceNames.length);
  const mine = calls.filter((call) => call.scope === command.scope && call.nth > nth && call.nth < told.nth);
  const isEarly = !withdrawn && told.ms < Math.min(command.answerByMs, concluded?.byMs ?? Infinity);
  const held = callsOf(records, mine, told, deviceNames);

  for (const [index, name] of deviceNames.entries()) {
    const { kind } = outcomes[index] as DeviceOutcome;
    const callIndex = callIndexes[index] as number;
    const last = held[callIndex];
    if (!last) {
      expect([callIndex, kind]).toEqual([-1, "not-attempted"]);
      continue;
    }
    expect(last.deviceNames).toContain(name);
    if (isEarly) expect(isFinal(last)).toBe(true);
    const inCalls = held.slice(0, callIndex + 1).filter((call) => call.deviceNames.includes(name));
    const isKnown = !isUnclear(last, told.nth);
    // Exactly: accepted if and only if the last call that held it was answered Success by then.
    expect(kind === "accepted").toBe(isKnown && isAccepted(last));
    expect(kind === "rejected").toBe(isKnown && isRejected(last));
    if (kind === "unknown") expect(inCalls.some((call) => isUnclear(call, told.nth))).toBe(true);
    if (kind === "not-attempted") expect(isKnown).toBe(true);
  }

  for (const [index, call] of held.entries()) {
    const { deviceCount } = records[index] as CallRecord;
    const ofMine = deviceNames.flatMap((name, n) => (call.deviceNames.includes(name) ? [n] : []));
    const isOver = isAccepted(call) || (isRejected(call) && !isUnclear(call, told.nth));
    // No call is sent after that, and no device of the call is forgotten.
    if (isOver && !isUnclear(call, told.nth))
      expect(callIndexes.filter((each) => each === index).length).toBe(deviceCount);
    expect(deviceCount).toBeLessThanOrEqual(ofMine.length);
    expect(deviceCount).toBeGreaterThan(0);
    if (deviceCount < ofMine.length) continue; // some of them were in the call for others
    for (const n of ofMine) expect(callIndexes[n]).toBeGreaterThanOrEqual(index);
    if (!isUnclear(call, told.nth)) continue;
    for (const n of ofMine) expect((outcomes[n] as DeviceOutcome).kind).not.toBe("not-attempted");
  }
}

/** Finds the call that each record describes. */
function callsOf(records: readonly CallRecord[], mine: readonly Sent[], told: Told, names: readonly string[]): Sent[] {
  const left = new Set(mine);
  return records.map((record) => {
    const found = [...left].find((call) => {
      const { end } = (call.ended && call.ended.nth < told.nth && call.ended) || { end: undefined };
      if (record.sentWallMs !== call.sentWallMs || record.success !== (end?.kind === "accepted")) return false;
      if (record.requestId !== (end && "requestId" in end ? end.requestId : "")) return false;
      if ((record.durationMs === undefined) !== (end === undefined)) return false;
      if (end && "message" in end && !("ours" in end && end.ours) && record.message !== end.message) return false;
      return call.deviceNames.filter((name) => names.includes(name)).length >= record.deviceCount;
    });
    if (!found) throw new Error(`told of a call that was not made: ${JSON.stringify(record)}`);
    left.delete(found);
    return found;
  });
}

/** Ties are decided in this order. */
const KINDS: readonly FailureKind[] = [
  ...(["invalid", "unauthenticated", "forbidden", "overloaded", "deadline-too-short", "expired", "aborted"] as const),
  ...(["draining", "rejected", "throttled", "unavailable", "unknown", "internal"] as const),
];

/** Checks whether the rpc is OK, and otherwise its error, recomputed from the outcomes. */
export function checkVerdict({ command, told: [told] }: Asked): void {
  if (!told) throw new Error("never told");
  const { outcomes } = told.answer;
  const well = outcomes.filter(({ kind }) => kind === "accepted").length;
  const isOk = command.requireAll ? well === outcomes.length : well > 0;
  expect(told.error === undefined).toBe(isOk);
  if (!told.error) return;
  const { failure, causes } = told.error;
  const namesBy = (kind: FailureKind) =>
    command.deviceNames.filter((_, n) => kindOf(outcomes[n] as DeviceOutcome) === kind);
  const counts = KINDS.map((kind) => ({ kind, devices: namesBy(kind).length })).filter(({ devices }) => devices > 0);
  const commonestFirst = counts.toSorted((a, b) => b.devices - a.devices);
  expect(causes.map(({ kind, devices }) => ({ kind, devices }))).toEqual(commonestFirst);
  expect(failure.kind).toBe(commonestFirst[0]?.kind);
  for (const { kind, sampleNames } of causes) {
    expect(namesBy(kind)).toEqual(expect.arrayContaining([...sampleNames]));
  }
}

function kindOf(outcome: DeviceOutcome): FailureKind | undefined {
  return "failure" in outcome ? outcome.failure.kind : undefined;
}

/** When the ledger was unreachable, and where that began in the order of events. */
export type Away = [from: number, to: number, wentNth: number];

/**
 * Checks that a request was answered once, in time, and that devices that were never sent have its
 * reason.
 */
export function checkTime({ command, told, concluded, withdrawn, askedMs }: Asked, awayMs: readonly Away[]): void {
  expect(told.length).toBe(1);
  const [{ nth, ms, answer }] = told as [Told];
  expect(ms).toBeLessThanOrEqual(Math.min(command.answerByMs, concluded?.byMs ?? Infinity));
  const unsent = answer.outcomes.flatMap((outcome, n) =>
    answer.callIndexes[n] === -1 && "failure" in outcome ? outcome.failure.kind : [],
  );
  if (withdrawn) expect(unsent.filter((kind) => kind !== "aborted")).toEqual([]);
  for (const kind of withdrawn ? [] : unsent) {
    if (concluded && ms >= concluded.byMs && ms < command.answerByMs) expect(kind).toBe(concluded.kind);
    else if (ms < command.answerByMs) throw new Error(`told too early that it was ${kind}`);
    const wasAway = awayMs.some(([from, to]) => from <= ms && to >= askedMs);
    // An answer at the very moment at which the ledger went away may have been given before it.
    const isAway = awayMs.some(([, to, wentNth]) => wentNth < nth && to > ms);
    if (kind === "unavailable") expect(wasAway).toBe(true);
    if (isAway) expect(kind).not.toBe("expired");
  }
}
