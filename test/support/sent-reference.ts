// A reference for when a call may be sent, and with which devices, judged from outside: from what
// was asked and sent before.
import { expect } from "vitest";
import type { CallEnd, CancelCall } from "../../src/gateway/upstream.js";
import type { Asked, Sent } from "./gateway-reference.js";

const SECOND_MS = 1000;
const TRAVEL_MS = 1000;

/**
 * When the token of a call is back, by the table of the contract. Infinity while it is under way.
 */
export function tokenBackMs({ sentMs, ended }: Sent, timeoutMs: number): number {
  if (!ended) return Infinity;
  const { end, ms } = ended;
  if (end.kind === "unwritten") return ms;
  return (end.kind === "lost" ? sentMs + timeoutMs + TRAVEL_MS : ms) + SECOND_MS;
}

/**
 * Whether devices of that scope were sent in halves. They wait on their own then, and so may their
 * callers.
 */
function wasApart({ scope }: CancelCall, before: readonly Sent[]): boolean {
  return before.some((call) => {
    const reaction = call.ended?.end.kind === "refused" && call.ended.end.refusal.reaction;
    return call.scope === scope && reaction && reaction.kind === "rejected" && reaction.deviceFault;
  });
}

/** Assumed until an answer has been timed. Requests with less time are left out of a call. */
const ANSWER_MS = 50;
const LEAST_BACKOFF_MS = 50;

/** Checks that a call may be sent now, after those before it: its devices, and its time. */
export function checkSent(call: Sent, before: readonly Sent[], asked: readonly Asked[], room: Room): void {
  const { deviceNames, scope, sentMs } = call;
  expect(deviceNames.length).toBeGreaterThan(0);
  expect(deviceNames.length).toBeLessThanOrEqual(room.devices);
  expect(new Set(deviceNames).size).toBe(deviceNames.length);
  const answersMs = before.flatMap((other) => (other.ended ? [other.ended.ms - other.sentMs] : []));
  const leastLeftMs = Math.min(ANSWER_MS, ...answersMs);
  const mayBeSent = ({ told, withdrawn, command }: Asked) => told.length === 0 && !withdrawn && command.scope === scope;
  const waiting = asked.filter(mayBeSent);
  for (const name of deviceNames) {
    const owners = waiting.filter(({ command }) => command.deviceNames.includes(name));
    const mostLeftMs = Math.max(...owners.map(({ command }) => command.answerByMs - sentMs));
    expect(mostLeftMs, `${name} is nobody's, or of nobody who has time`).toBeGreaterThan(leastLeftMs);
    const last = before.findLast((other) => other.scope === scope && other.deviceNames.includes(name));
    const everAsked = asked.filter(({ command }) => command.scope === scope && command.deviceNames.includes(name));
    if (!last || everAsked.length > 1) continue; // with several requests, the call may have been for another
    expect(last.ended, `${name} is under way`).toBeDefined();
    const { ms = Infinity, end } = last.ended ?? {};
    expect(sentMs, `${name} again`).toBeGreaterThanOrEqual(ms + leastBackoffMs(end, last.deviceNames.length));
  }
  expect(isPaced(call, before, room) || isSpared(call, before), "too soon after the calls before").toBe(true);
}

/**
 * Calls have planned times one space apart, and start then or later. After a late one, the next may
 * be half a space early.
 */
function isPaced({ sentMs }: Sent, before: readonly Sent[], { callsPerSecond }: Room): boolean {
  const spaceMs = SECOND_MS / callsPerSecond;
  for (let spaces = 1; spaces <= before.length; spaces++) {
    const at = before.length - spaces;
    const other = before[at] as Sent;
    if (sentMs - other.sentMs < (spaces - 0.5) * spaceMs) return false;
    if (isSpared(other, before.slice(0, at))) break; // its planned time does not follow the one before
  }
  return true;
}

/**
 * Pacing does not delay halves of a refused call, nor a scope that has sent nothing for a second.
 */
function isSpared(call: Sent, before: readonly Sent[]): boolean {
  const isSilent = !before.some(({ scope, sentMs }) => scope === call.scope && call.sentMs - sentMs < SECOND_MS);
  return isSilent || wasApart(call, before);
}

/** How many devices fit into a call, and how many calls there may be. */
export interface Room {
  readonly devices: number;
  readonly callsPerSecond: number;
}

/**
 * A device refused for rate, or in a refused call that is halved, is not at fault: it goes as soon
 * as there is a token.
 */
function leastBackoffMs(end: CallEnd | undefined, devices: number): number {
  if (end?.kind !== "refused") return LEAST_BACKOFF_MS;
  const { reaction } = end.refusal;
  if (reaction.kind === "throttled" || (reaction.kind === "rejected" && reaction.deviceFault && devices > 1)) return 0;
  return LEAST_BACKOFF_MS;
}
