// Derives the state of a shared ledger from the store's last reply and this replica's own tokens.
import { byPriority, PRIORITIES } from "../../gateway/command.js";
import type { LedgerState } from "../../gateway/limiter.js";
import { spaceMs, WINDOW_MS } from "../token-rule.js";
import type { Holdings } from "./holdings.js";
import type { Reply } from "./protocol.js";

/** The order in which classes are served. */
export const RANKS = byPriority((priority) => PRIORITIES.indexOf(priority));

/** The store's last reply, with our time of receiving it. */
export interface Heard extends Reply {
  readonly atMs: number;
  readonly opensMs: number;
}

/** The assumed wait without the store, when a call could become possible at any time. */
const PERHAPS_MS = 1000;
const RESERVED_MS = 30_000;
/** An idle ledger may not have been heard from for longer: what others used then is back since. */
const STALE_MS = 5000;

/** `heard` is undefined while the store is away; then `cause` says why. */
export function stateOf(
  nowMs: number,
  callsPerSecond: number,
  held: Holdings,
  heard: Heard | undefined,
  cause?: string,
): LedgerState {
  const kept = held.kept().length;
  const own = { inFlightSinceMs: held.inFlightSinceMs(), coolingUntilMs: held.coolingUntilMs() };
  if (!heard || heard.opensMs > nowMs) {
    // Other replicas' tokens are not available: until the ledger opens, or indefinitely.
    const others = callsPerSecond - kept - own.inFlightSinceMs.length - own.coolingUntilMs.length;
    const untilMs = heard ? heard.opensMs : nowMs + PERHAPS_MS;
    return {
      mode: heard ? "opening" : "away",
      callsPerSecond,
      free: kept,
      spaceMs: spaceMs(held.answerMs, callsPerSecond),
      inFlightSinceMs: own.inFlightSinceMs,
      coolingUntilMs: [...own.coolingUntilMs, ...Array(Math.max(others, 0)).fill(untilMs)],
      withheld: 0,
      pausedUntilMs: held.pausedUntilMs,
      // Tokens that must go back to the store help no request, however soon they are free.
      ...(held.usable() === 0 && {
        obstacle: heard ? "the shared ledger is opening" : "the shared ledger cannot be reached",
      }),
      ...(heard ? { replicas: heard.replicas } : cause !== undefined && { cause }),
    };
  }
  const inFlightSinceMs = [...own.inFlightSinceMs];
  const coolingUntilMs = [...own.coolingUntilMs];
  for (const [token, outForMs] of heard.inUseForMs) {
    if (held.has(token) || nowMs - heard.atMs > STALE_MS) continue;
    // Another replica's token: it returns a second after a typical answer, or has been in flight
    // for longer already.
    const sinceMs = heard.atMs - outForMs;
    const backMs = sinceMs + held.answerMs + WINDOW_MS;
    if (backMs > nowMs) coolingUntilMs.push(backMs);
    else inFlightSinceMs.push(sinceMs);
  }
  // Tokens that others keep in reserve are not available as long as those replicas live.
  const reserved = callsPerSecond - heard.free - heard.inUseForMs.size - kept;
  coolingUntilMs.push(...Array(Math.max(reserved, 0)).fill(nowMs + RESERVED_MS));
  return {
    mode: "shared",
    callsPerSecond,
    spaceMs: spaceMs(held.answerMs, callsPerSecond),
    free: Math.max(callsPerSecond - inFlightSinceMs.length - coolingUntilMs.length, 0),
    inFlightSinceMs,
    coolingUntilMs,
    withheld: Math.min(heard.withheld, callsPerSecond - 1),
    pausedUntilMs: Math.max(held.pausedUntilMs, heard.atMs + heard.pausedForMs),
    replicas: heard.replicas,
  };
}
