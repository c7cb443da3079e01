// Puts an account's numbers into words for an operator in a hurry: the headline, which answers "are
// devices being canceled, and if not, why?", a sentence about the ledger, and one about other users
// of the account.
import type { Condition, ConditionKind } from "../../gateway/account/condition.js";
import type { LedgerMode } from "../../gateway/limiter.js";
import { shownText } from "./shown-text.js";
import type { AccountWords, ShownPace, Throttles, TokenCounts, Tone } from "./snapshot.js";

/** The facts that the words are derived from. */
export interface AccountFacts {
  readonly condition: Condition;
  readonly mode: LedgerMode;
  readonly tokens: TokenCounts;
  readonly pace: Pick<ShownPace, "mostCallsInASecond">;
  readonly throttles: Throttles;
  readonly isPaused: boolean;
  /** Whether tokens return early. Absent if calls are not asserted to count on arrival. */
  readonly earlyReturn?: "on" | "fallback" | undefined;
  /** Number of gateways that share the ledger, including this one; absent if unknown. */
  readonly replicas?: number | undefined;
  /**
   * Why no token is available. Absent if the ledger is away and this gateway continues with a share
   * of its own.
   */
  readonly obstacle?: string | undefined;
  /** Why the ledger's store is away. */
  readonly cause?: string | undefined;
}

const LONGEST_CAUSE = 200;
const LONGEST_OBSTACLE = 200;
const LONGEST_CALLER = 64;

export function wordsOf(facts: AccountFacts): AccountWords {
  return { ...headlineOf(facts), ledger: ledgerOf(facts), others: othersOf(facts) };
}

function ledgerOf(facts: AccountFacts): string {
  const where = LEDGER[facts.mode](facts);
  return facts.earlyReturn ? `${where} ${EARLY_RETURN[facts.earlyReturn]}` : where;
}

const EARLY_RETURN: Record<NonNullable<AccountFacts["earlyReturn"]>, string> = {
  on: "They return early, because the upstream counts calls when they arrive (OTA_QUOTA_COUNTED).",
  fallback:
    "For ten minutes they do not return early: the upstream throttled, so it may not count calls when they arrive (OTA_QUOTA_COUNTED).",
};

const LEDGER: Record<LedgerMode, (facts: AccountFacts) => string> = {
  "in-process": ({ tokens }) =>
    `The ${tokens.limit} tokens are kept in this process. It must be the only gateway for this account.`,
  shared: ({ tokens, replicas }) =>
    replicas === undefined
      ? `The ${tokens.limit} tokens are kept in a store shared by all gateways for this account.`
      : `The ${tokens.limit} tokens are kept in a store shared by ${count(replicas, "gateway", "gateways")}.`,
  opening: () => "All tokens are held back until no call from an earlier process can still be in flight.",
  away: ({ obstacle, cause }) => {
    const why = cause === undefined ? "" : `: ${shownText(cause, LONGEST_CAUSE)}`;
    const share = obstacle === undefined ? " Some tokens stay reserved for this gateway for a limited time." : "";
    return `The token store cannot be reached${why}.${share}`;
  },
};

interface Headline {
  readonly tone: Tone;
  readonly state: string;
  readonly meaning: string;
}

function headlineOf(facts: AccountFacts): Headline {
  const { condition, tokens, pace } = facts;
  if (pace.mostCallsInASecond > tokens.limit) {
    const meaning = `${pace.mostCallsInASecond} calls were sent within one second (limit ${tokens.limit}). This is a bug in the gateway.`;
    return { tone: "bad", state: "Above quota", meaning };
  }
  return HEADLINES[condition.kind](facts);
}

const HEADLINES: Record<ConditionKind, (facts: AccountFacts) => Headline> = {
  canceling: ({ tokens }) => ({
    tone: "good",
    state: "Canceling",
    meaning: `Calls are carried out, at most ${tokens.limit} in any one second.`,
  }),
  idle: () => ({ tone: "good", state: "Idle", meaning: "Nothing waits. Requests are carried out at once." }),
  unproven: () => ({
    tone: "wait",
    state: "Not yet proven",
    meaning: "Nothing waits. It is not known whether the upstream answers and accepts the keys.",
  }),
  opening: () => ({
    tone: "wait",
    state: "Opening",
    meaning:
      "Nothing is sent yet: calls from an earlier process may still be in flight. Requests are accepted and wait.",
  }),
  "ledger-away": ({ condition }) => ({
    tone: "bad",
    state: "Ledger away",
    meaning:
      condition.obstacle === ""
        ? "The shared ledger cannot be reached. This gateway continues with its own share until the lease expires."
        : "The shared ledger cannot be reached. Nothing is sent. Requests wait, and fail before their deadline.",
  }),
  throttled: (facts) => {
    const { condition, isPaused, tokens } = facts;
    const tone = condition.isForeseeable ? "wait" : "bad";
    if (isPaused) return { tone, state: "Paused", meaning: sentence(condition) };
    if (condition.obstacle !== "") return { tone, state: "Throttled", meaning: sentence(condition) };
    const meaning = `${count(tokens.withheld, "token is", "tokens are")} left unused (of ${tokens.limit}), because another program seems to use the account.`;
    return { tone: "wait", state: "Yielding", meaning };
  },
  refused: ({ condition }) => ({
    tone: "bad",
    state: "All refused",
    meaning: `${sentence(condition)} Their callers get that answer. The last calls were for ${callersOf(condition)}.`,
  }),
  forbidden: ({ condition }) => ({
    tone: "bad",
    state: "Not permitted",
    meaning: `${sentence(condition)} The last calls were for ${callersOf(condition)}.`,
  }),
  failing: ({ condition }) => ({
    tone: "bad",
    state: "Upstream fails",
    meaning: `${sentence(condition)} Devices are retried until the deadline.`,
  }),
  "no-answers": ({ condition }) => ({
    tone: "bad",
    state: "No answers",
    meaning: `${sentence(condition)} Devices are retried until the deadline.`,
  }),
  "keys-refused": ({ condition }) => ({
    tone: "bad",
    state: "Keys refused",
    meaning: `${sentence(condition)} Callers get INTERNAL.`,
  }),
  stalled: ({ condition }) => ({ tone: "bad", state: "Nothing sent", meaning: sentence(condition) }),
};

function sentence({ obstacle }: Condition): string {
  const shown = shownText(obstacle, LONGEST_OBSTACLE);
  return `${shown.charAt(0).toUpperCase()}${shown.slice(1)}.`;
}

function callersOf({ trouble }: Condition): string {
  const { callers = [], otherCallers = 0 } = trouble ?? {};
  const named = callers.map((caller) => shownText(caller, LONGEST_CALLER)).join(", ");
  return otherCallers > 0 ? `${named} and others` : named;
}

function othersOf({ throttles, tokens }: AccountFacts): string {
  const { total, lastMinute } = throttles;
  if (tokens.withheld > 0) {
    return (
      `Probably, or the quota is lower than ${tokens.limit}. ` +
      `${count(lastMinute, "call was", "calls were")} throttled in the last minute. ` +
      "One withheld token returns to use after every ten seconds without throttling."
    );
  }
  if (total === 0) return "None detected: no call has been throttled.";
  return `Not at the moment. ${count(total, "call was", "calls were")} throttled since the gateway started.`;
}

function count(n: number, one: string, many: string): string {
  return `${n} ${n === 1 ? one : many}`;
}
