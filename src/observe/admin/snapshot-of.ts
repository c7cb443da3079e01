// Converts the gateway's reading of an account into what the page shows. Pure.
import type { AccountReading } from "../../gateway/account/account-state.js";
import { byPriority, type Priority } from "../../gateway/command.js";
import type { LedgerState } from "../../gateway/limiter.js";
import { wordsOf } from "./account-words.js";
import type { CallFeed } from "./call-feed.js";
import type { SentLastMinute } from "./caller-counts.js";
import { shownText } from "./shown-text.js";
import type { AccountSnapshot, CallerSnapshot, ReadingSnapshot, TokenCounts, Waiting } from "./snapshot.js";

/** The part of an account that the page shows. */
export interface ShownAccount extends Omit<AccountReading, "ledger"> {
  readonly ledger: ShownLedger;
}

type ShownLedger = Omit<LedgerState, "spaceMs" | "coolingUntilMs">;

const TOP_CALLERS = 10;
const LONGEST_NAME = 64;

/** The parts of an account that are shown beside its own reading. */
export interface ShownBeside {
  readonly feed: CallFeed;
  readonly readings?: readonly ReadingSnapshot[];
  /** Whether the caller has a stream that has not been read to its end. */
  readonly isStreaming?: (caller: string) => boolean;
}

export function snapshotOf(name: string, account: ShownAccount, beside: ShownBeside, nowMs: number): AccountSnapshot {
  const { ledger, condition } = account;
  const { feed, readings = [] } = beside;
  const { mode, replicas, obstacle, cause } = ledger;
  const tokens = tokensOf(ledger);
  const pace = feed.pace(nowMs);
  const throttles = feed.throttles(nowMs);
  const pausedForMs = Math.max(0, Math.ceil(ledger.pausedUntilMs - nowMs));
  const isPaused = pausedForMs > 0;
  const { arrived } = ledger;
  const earlyReturn = arrived && (arrived.fallbackUntilMs > nowMs ? "fallback" : "on");
  return {
    name,
    words: wordsOf({ condition, mode, tokens, pace, throttles, isPaused, earlyReturn, replicas, obstacle, cause }),
    mode,
    tokens,
    pace,
    waiting: waitingOf(account, feed.sentLastMinute(nowMs), beside.isStreaming ?? (() => false), nowMs),
    pausedForMs,
    throttles,
    totals: feed.totals,
    refusals: feed.refusals,
    readings,
    calls: feed.calls,
  };
}

/** Withheld tokens are free ones left unused. Tokens neither free nor in flight are cooling. */
function tokensOf({ callsPerSecond: limit, free, inFlightSinceMs, withheld }: ShownLedger): TokenCounts {
  const inFlight = inFlightSinceMs.length;
  const leftAlone = Math.min(withheld, free);
  return {
    limit,
    free: free - leftAlone,
    inFlight,
    cooling: Math.max(0, limit - free - inFlight),
    withheld: leftAlone,
  };
}

function waitingOf(
  account: ShownAccount,
  sent: SentLastMinute,
  isStreaming: (caller: string) => boolean,
  nowMs: number,
): Waiting {
  const { waitingDevices, waitingByCaller, expectedWaitMs, oldestSinceMs } = account;
  const classOf = (name: Priority) => ({
    devices: waitingDevices[name],
    ...(Number.isFinite(expectedWaitMs[name]) && { expectedWaitMs: Math.round(expectedWaitMs[name]) }),
  });
  const devices = waitingDevices.urgent + waitingDevices.normal + waitingDevices.bulk;
  const top = topCallers(waitingByCaller, sent.byCaller);
  const idle = [...sent.byCaller.keys()].filter((caller) => !waitingByCaller.has(caller)).length;
  return {
    devices,
    callers: waitingByCaller.size,
    ...(oldestSinceMs !== undefined && { oldestMs: Math.max(0, Math.round(nowMs - oldestSinceMs)) }),
    classes: byPriority(classOf),
    topCallers: top.map(({ caller, waiting, sentLastMinute }) => ({
      caller: shownText(caller, LONGEST_NAME),
      waiting,
      sentLastMinute,
      ...doneIn(waiting > 0 ? account.remainingMs(caller) : Infinity),
      ...(waiting > 0 && isStreaming(caller) && { isMoreToCome: true as const }),
    })),
    otherCallers: {
      callers: waitingByCaller.size + idle - top.length,
      devices: devices - sum(top.map(({ waiting }) => waiting)),
      sentLastMinute: sum(sent.byCaller.values()) + sent.others - sum(top.map(({ sentLastMinute }) => sentLastMinute)),
    },
  };
}

function doneIn(remainingMs: number): Pick<CallerSnapshot, "doneInMs"> {
  return Number.isFinite(remainingMs) ? { doneInMs: Math.round(remainingMs) } : {};
}

type Caller = Omit<CallerSnapshot, "doneInMs" | "isMoreToCome">;

/** Finds the ten largest in a single pass, because there may be very many callers. */
function topCallers(waiting: ReadonlyMap<string, number>, sent: ReadonlyMap<string, number>): Caller[] {
  const top: Caller[] = [];
  const offer = (candidate: Caller) => {
    const last = top[TOP_CALLERS - 1];
    if (last && !goesBefore(candidate, last)) return;
    const at = top.findIndex((each) => goesBefore(candidate, each));
    top.splice(at < 0 ? top.length : at, 0, candidate);
    top.splice(TOP_CALLERS);
  };
  for (const [caller, devices] of waiting) {
    if (devices < (top[TOP_CALLERS - 1]?.waiting ?? 0)) continue; // nearly all callers, if there are many
    offer({ caller, waiting: devices, sentLastMinute: sent.get(caller) ?? 0 });
  }
  for (const [caller, devices] of sent) {
    if (!waiting.has(caller)) offer({ caller, waiting: 0, sentLastMinute: devices });
  }
  return top;
}

/** Of equal callers, the first stays first: rows must not swap without a reason. */
function goesBefore(a: Caller, b: Caller): boolean {
  return a.waiting > b.waiting || (a.waiting === b.waiting && a.sentLastMinute > b.sentLastMinute);
}

function sum(counts: Iterable<number>): number {
  let total = 0;
  for (const count of counts) total += count;
  return total;
}
