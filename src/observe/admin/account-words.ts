// Puts an account's numbers into words for an operator in a hurry: one state (the most serious that
// applies) with its meaning, a sentence about the ledger, and one about other users of the account.

import type { LedgerMode } from "../../gateway/limiter.js";
import type { LastEnd } from "./call-feed.js";
import { shownText } from "./shown-text.js";
import type { AccountWords, ShownPace, Throttles, TokenCounts, Tone } from "./snapshot.js";

/** The facts that the words are derived from. */
export interface AccountFacts {
  readonly mode: LedgerMode;
  readonly tokens: TokenCounts;
  readonly pace: Pick<ShownPace, "mostCallsInASecond">;
  readonly throttles: Throttles;
  readonly isPaused: boolean;
  /** At most three ends of calls from the last minute, newest first. */
  readonly lastEnds: readonly LastEnd[];
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

export function wordsOf(facts: AccountFacts): AccountWords {
  return { ...stateOf(facts), ledger: LEDGER[facts.mode](facts), others: othersOf(facts) };
}

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

interface State {
  readonly tone: Tone;
  readonly state: string;
  readonly meaning: string;
}

function stateOf(facts: AccountFacts): State {
  const { mode, tokens, pace, isPaused, lastEnds, obstacle } = facts;
  const { limit, withheld } = tokens;
  if (pace.mostCallsInASecond > limit) {
    const meaning = `${pace.mostCallsInASecond} calls were sent within one second (limit ${limit}). This is a bug in the gateway.`;
    return { tone: "bad", state: "Above quota", meaning };
  }
  if (mode === "away") {
    const goesOn = obstacle === undefined;
    const meaning = goesOn
      ? "The shared ledger cannot be reached. This gateway continues with its own share until the lease expires."
      : "The shared ledger cannot be reached. Nothing is sent. Requests wait, and fail before their deadline.";
    return { tone: "bad", state: "Ledger away", meaning };
  }
  if (mode === "opening") {
    const meaning =
      "Nothing is sent yet: calls from an earlier process may still be in flight. Requests are accepted and wait.";
    return { tone: "wait", state: "Opening", meaning };
  }
  if (lastEnds[0]?.ours) {
    const meaning =
      "The last call failed because of the gateway's own credentials, clock or signature. See its code below.";
    return { tone: "bad", state: "Gateway at fault", meaning };
  }
  if (lastEnds.length === 3 && lastEnds.every(({ result }) => result === "lost" || result === "unwritten")) {
    const meaning = "The last three calls got no answer. Their devices are retried until the deadline.";
    return { tone: "bad", state: "No answers", meaning };
  }
  if (isPaused) {
    const meaning = "The upstream throttled a call. Nothing is sent for as long as it asked.";
    return { tone: "wait", state: "Paused", meaning };
  }
  if (withheld > 0) {
    const meaning = `${withheld} of ${limit} tokens are left unused, because another program seems to use the account.`;
    return { tone: "wait", state: "Yielding", meaning };
  }
  return {
    tone: "good",
    state: "Within quota",
    meaning: `This gateway sends at most ${limit} calls in any one second.`,
  };
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
