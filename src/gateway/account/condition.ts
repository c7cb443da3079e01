// Decides the one state of an account that everything shows: the admin page, GetQuota, /readyz, the
// metrics and the log. It answers "are devices being canceled, and if not, why?". Pure.
import type { LedgerState } from "../limiter.js";
import type { CallTrend, Trouble } from "./recent-calls.js";

export const CONDITIONS = [
  /** Calls are accepted, or the first ones are under way. */
  "canceling",
  /** Nothing waits, and nothing is known to be in the way. */
  "idle",
  /** Nothing waits, and it is not known whether the upstream would answer and accept the keys. */
  "unproven",
  /** The ledger holds all tokens back, because earlier calls may still be counted. */
  "opening",
  /** The ledger cannot be reached. */
  "ledger-away",
  /** The upstream refuses for rate. */
  "throttled",
  /** The upstream refuses every call because of what it asks for. */
  "refused",
  /** The upstream refuses every call because the keys lack a permission. */
  "forbidden",
  /** The upstream answers every call that it is out of order. */
  "failing",
  "no-answers",
  /** The upstream refuses the gateway's own keys, clock or signature, or there are no keys. */
  "keys-refused",
  /** Devices wait and no call is sent, although the ledger is open. */
  "stalled",
] as const;

export type ConditionKind = (typeof CONDITIONS)[number];

/** The state of an account. */
export interface Condition {
  readonly kind: ConditionKind;
  /**
   * Why nothing is carried out at the moment. Names no device and no caller. Empty while calls are
   * carried out, and while nothing is known to be in the way.
   */
  readonly obstacle: string;
  /** How calls end, if that decides the state. For the operator only: names callers. */
  readonly trouble?: Trouble;
  /** Whether the time that a request will take can be estimated. */
  readonly isForeseeable: boolean;
}

/** The facts that decide. Times are monotonic. */
export interface ConditionFacts {
  readonly ledger: Pick<LedgerState, "mode" | "obstacle" | "withheld" | "pausedUntilMs">;
  readonly calls: CallTrend;
  readonly waitingDevices: number;
  /** Finds the arrival of the oldest request whose cancel goes on; takes long if there are many. */
  readonly oldestSinceMs: () => number | undefined;
  readonly nowMs: number;
}

/**
 * One call in this time is enough to count as carried out: some calls of one caller may be refused
 * while those of others are accepted.
 */
const ACCEPTED_MS = 3000;
/** A call that takes longer has met an upstream that does not answer. */
const SILENT_MS = 5000;
/** A busy ledger grants a token at least this often. */
const STALLED_MS = 5000;
/** The end of the last call says nothing about the next one once it is this long ago. */
const REMEMBERED_MS = 60_000;

const OBSTACLES: Readonly<Record<Trouble["kind"], (cause: string) => string>> = {
  keys: (cause) => `the upstream does not accept the gateway's own keys, clock or signature${after(cause)}`,
  unanswered: (cause) => `no call is answered${after(cause)}`,
  failing: (cause) => `the upstream fails${after(cause)}`,
  throttled: () => "the upstream throttles every call: another program uses the account, or its quota is lower",
  forbidden: (cause) => `the upstream refuses every call, because the gateway's keys lack a permission${after(cause)}`,
  refused: (cause) => `the upstream refuses every call${after(cause)}`,
};

const KINDS: Readonly<Record<Trouble["kind"], ConditionKind>> = {
  keys: "keys-refused",
  unanswered: "no-answers",
  failing: "failing",
  throttled: "throttled",
  forbidden: "forbidden",
  refused: "refused",
};

/** The most serious state that applies. */
export function conditionOf(facts: ConditionFacts): Condition {
  const { ledger, calls, waitingDevices, oldestSinceMs, nowMs } = facts;
  if (ledger.mode === "away") {
    const obstacle = ledger.obstacle ?? ""; // absent while this gateway goes on with a share of its own
    return { kind: "ledger-away", obstacle, isForeseeable: obstacle === "" };
  }
  if (ledger.mode === "opening") {
    const opening = "the ledger is opening: nothing is sent until earlier calls no longer count";
    return { kind: "opening", obstacle: ledger.obstacle ?? opening, isForeseeable: true };
  }
  const isAccepted = nowMs - calls.acceptedMs <= ACCEPTED_MS;
  const trouble = isAccepted ? undefined : troubleNow(calls, nowMs);
  // A single throttle pauses the calls for a known time; more of them in a row are another matter.
  const isLasting = trouble && (trouble.kind !== "throttled" || nowMs - trouble.sinceMs > ACCEPTED_MS);
  if (isLasting) return inTrouble(trouble);
  if (ledger.pausedUntilMs > nowMs) {
    const obstacle = "the upstream throttled a call: nothing is sent for as long as it asked";
    return { kind: "throttled", obstacle, isForeseeable: true };
  }
  if (trouble) return inTrouble(trouble);
  if (ledger.withheld > 0) return { kind: "throttled", obstacle: "", isForeseeable: true };
  const isBusy = waitingDevices > 0 || calls.unansweredSinceMs !== undefined;
  const isQuiet = calls.unansweredSinceMs === undefined && nowMs - calls.sentMs > STALLED_MS;
  if (waitingDevices > 0 && isQuiet && nowMs - (oldestSinceMs() ?? nowMs) > STALLED_MS) {
    return { kind: "stalled", obstacle: "devices wait, and the ledger grants no token", isForeseeable: false };
  }
  if (isAccepted || isBusy) return { kind: "canceling", obstacle: "", isForeseeable: true };
  return { kind: calls.isProven ? "idle" : "unproven", obstacle: "", isForeseeable: true };
}

function inTrouble(trouble: Trouble): Condition {
  const { kind, cause } = trouble;
  return { kind: KINDS[kind], obstacle: OBSTACLES[kind](cause), trouble, isForeseeable: false };
}

/** The trouble that calls have now, if none has been accepted lately. */
function troubleNow({ trouble, unansweredSinceMs, acceptedMs }: CallTrend, nowMs: number): Trouble | undefined {
  if (trouble && nowMs - trouble.endedMs <= REMEMBERED_MS) return trouble;
  const silentMs = unansweredSinceMs === undefined ? 0 : nowMs - Math.max(unansweredSinceMs, acceptedMs);
  if (silentMs <= SILENT_MS) return undefined;
  return {
    kind: "unanswered",
    sinceMs: nowMs,
    endedMs: nowMs,
    cause: "calls wait for their answers",
    callers: [],
    otherCallers: 0,
  };
}

/** Causes from the upstream's client are sentences. */
function after(cause: string): string {
  if (cause === "") return "";
  return `: ${/^[A-Z][a-z]+ /.test(cause) ? cause[0]?.toLowerCase() + cause.slice(1).replace(/\.$/, "") : cause}`;
}
