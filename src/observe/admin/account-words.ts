// What an account's numbers mean, for somebody who has a minute: one state, the gravest that holds, and
// sentences about the ledger and about who else uses the account.

import type { LedgerMode } from "../../gateway/limiter.js";
import type { LastEnd } from "./call-feed.js";
import { shownText } from "./shown-text.js";
import type { AccountWords, ShownPace, Throttles, TokenCounts, Tone } from "./snapshot.js";

/** What the words are made of. */
export interface AccountFacts {
  readonly mode: LedgerMode;
  readonly tokens: TokenCounts;
  readonly pace: Pick<ShownPace, "mostCallsInASecond">;
  readonly throttles: Throttles;
  readonly isPaused: boolean;
  /** The last three of the last minute, the last one first. */
  readonly lastEnds: readonly LastEnd[];
  /** Gateways that share the ledger, this one included; absent if not known. */
  readonly replicas?: number | undefined;
  /** Why no token can be had; absent while the ledger is away if this gateway goes on with a share of its own. */
  readonly obstacle?: string | undefined;
}

const LONGEST_OBSTACLE = 200;

export function wordsOf(facts: AccountFacts): AccountWords {
  return { ...stateOf(facts), ledger: LEDGER[facts.mode](facts), others: othersOf(facts) };
}

const LEDGER: Record<LedgerMode, (facts: AccountFacts) => string> = {
  "in-process": ({ tokens }) =>
    `The ${tokens.limit} tokens are kept in this process: it has to be the only gateway of the account.`,
  shared: ({ tokens, replicas }) =>
    replicas === undefined
      ? `The ${tokens.limit} tokens are kept in a store that all gateways of the account share.`
      : `The ${tokens.limit} tokens are kept in a store; ${count(replicas, "gateway shares", "gateways share")} them.`,
  opening: () => "All tokens are held back until no call of a predecessor can still be under way.",
  away: ({ obstacle }) =>
    obstacle === undefined
      ? "The store of the tokens cannot be reached; some are reserved for this gateway, for a while."
      : `The store of the tokens cannot be reached: ${shownText(obstacle, LONGEST_OBSTACLE)}.`,
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
    const meaning = `${pace.mostCallsInASecond} calls were sent within a second, ${limit} are allowed. That is a fault of the gateway.`;
    return { tone: "bad", state: "Above quota", meaning };
  }
  if (mode === "away") {
    const goesOn = obstacle === undefined;
    const meaning = goesOn
      ? "The shared ledger cannot be reached. This gateway goes on with its own share until the lease runs out."
      : "The shared ledger cannot be reached. Nothing is sent; requests wait, and fail before their deadline.";
    return { tone: "bad", state: "Ledger away", meaning };
  }
  if (mode === "opening") {
    const meaning = "Nothing is sent yet: calls of a predecessor may still be under way. Requests are taken and wait.";
    return { tone: "wait", state: "Opening", meaning };
  }
  if (lastEnds[0]?.ours) {
    const meaning = "The last call failed by the gateway's own credentials, clock or signature. Its code is below.";
    return { tone: "bad", state: "Gateway at fault", meaning };
  }
  if (lastEnds.length === 3 && lastEnds.every(({ result }) => result === "lost" || result === "unwritten")) {
    const meaning = "The last three calls got no answer. Devices are sent again until their deadline.";
    return { tone: "bad", state: "No answers", meaning };
  }
  if (isPaused) {
    const meaning = "The upstream refused a call for rate. Nothing is sent for as long as it asked.";
    return { tone: "wait", state: "Paused", meaning };
  }
  if (withheld > 0) {
    const meaning = `${withheld} of ${limit} tokens are left to somebody else who seems to use the account.`;
    return { tone: "wait", state: "Yielding", meaning };
  }
  return {
    tone: "good",
    state: "Within quota",
    meaning: `This gateway sends no more than ${limit} calls in any second.`,
  };
}

function othersOf({ throttles, tokens }: AccountFacts): string {
  const { total, lastMinute } = throttles;
  if (tokens.withheld > 0) {
    return (
      `Probably; or the quota is lower than ${tokens.limit}. ` +
      `${count(lastMinute, "call was", "calls were")} refused for rate in the last minute. ` +
      "A withheld token is used again after every ten seconds without a refusal."
    );
  }
  if (total === 0) return "Nobody, as far as can be told: no call has been refused for rate.";
  return `Not now. ${count(total, "call was", "calls were")} refused for rate since the gateway started.`;
}

function count(n: number, one: string, many: string): string {
  return `${n} ${n === 1 ? one : many}`;
}
