// Remembers what became of an account's latest calls, as far as it tells whether calls are carried
// out now: when the last one was accepted, and how calls have ended since. Memory is bounded.
import type { CallObserver, EndedCall, SentCall } from "../call-observer.js";

/** How calls have ended since the last accepted one. */
export interface Trouble {
  readonly kind: TroubleKind;
  /** When the first and the latest of them ended. */
  readonly sinceMs: number;
  readonly endedMs: number;
  /** The upstream's code, or why there is no answer. Contains no device names and no secrets. */
  readonly cause: string;
  /** At most three of the callers whose devices were in them, in order of appearance. */
  readonly callers: readonly string[];
  readonly otherCallers: number;
}

/**
 * `keys`: the upstream refuses the gateway's own keys, clock or signature, or there are no keys.
 * `failing`: the upstream answers that it is out of order. `forbidden`: the keys lack a permission.
 */
export type TroubleKind = "keys" | "unanswered" | "failing" | "throttled" | "forbidden" | "refused";

/** The latest calls, at one moment. Times are monotonic. */
export interface CallTrend {
  /** When a call was accepted last; -Infinity if none was. */
  readonly acceptedMs: number;
  /** When a call was sent last; -Infinity if none was. */
  readonly sentMs: number;
  /** When the oldest call that has not been answered was sent; absent if there is none. */
  readonly unansweredSinceMs?: number;
  /** Absent if the latest call was accepted. */
  readonly trouble?: Trouble;
  /** Whether the upstream answered the latest call, and accepted its keys. */
  readonly isProven: boolean;
}

/** Whether such an end shows that the upstream answers, and accepts the keys. */
const PROVES: Readonly<Record<TroubleKind, boolean>> = {
  keys: false,
  unanswered: false,
  failing: false,
  throttled: true,
  forbidden: true,
  refused: true,
};

const CALLERS_NAMED = 3;
/** The others are not even counted. */
const MOST_CALLERS = 100;

export class RecentCalls implements CallObserver {
  readonly #underWay = new Set<SentCall>();
  readonly #callers = new Set<string>();
  #acceptedMs = -Infinity;
  #sentMs = -Infinity;
  #isProven = false;
  #latest: Omit<Trouble, "callers" | "otherCallers"> | undefined;

  sent(call: SentCall): void {
    this.#underWay.add(call);
    this.#sentMs = call.sentMs;
  }

  ended(call: SentCall, end: EndedCall): void {
    this.#underWay.delete(call);
    if (end.kind === "accepted") {
      this.#acceptedMs = end.endedMs;
      this.#isProven = true;
      this.#forgive();
      return;
    }
    this.#note(troubleOf(end), end);
    for (const caller of call.devicesByCaller.keys()) {
      if (this.#callers.size < MOST_CALLERS) this.#callers.add(caller);
    }
  }

  /**
   * A harmless call has been made only to see whether calls can be made. Its answer says nothing
   * about cancels, except that the upstream answers and accepts the keys.
   */
  tried(end: EndedCall): void {
    const kind = end.kind === "accepted" ? undefined : troubleOf(end);
    if (kind !== undefined && !PROVES[kind]) {
      this.#note(kind, end);
      return;
    }
    this.#isProven = true;
    if (this.#latest && !PROVES[this.#latest.kind]) this.#forgive();
  }

  get trend(): CallTrend {
    const latest = this.#latest;
    const [oldest] = this.#underWay;
    const callers = [...this.#callers].slice(0, CALLERS_NAMED);
    return {
      acceptedMs: this.#acceptedMs,
      sentMs: this.#sentMs,
      ...(oldest && { unansweredSinceMs: oldest.sentMs }),
      ...(latest && { trouble: { ...latest, callers, otherCallers: this.#callers.size - callers.length } }),
      isProven: this.#isProven,
    };
  }

  #note(kind: TroubleKind, { endedMs, code, cause }: EndedCall): void {
    this.#isProven = PROVES[kind];
    // The callers of another trouble are not to be named with this one.
    if (this.#latest?.kind !== kind) this.#callers.clear();
    const sinceMs = this.#latest?.kind === kind ? this.#latest.sinceMs : endedMs;
    // The reason for missing keys is left to the log, because it names places on this machine.
    this.#latest = { kind, sinceMs, endedMs, cause: code || (kind === "keys" ? "no keys" : cause) || "" };
  }

  #forgive(): void {
    this.#latest = undefined;
    if (this.#callers.size > 0) this.#callers.clear();
  }
}

function troubleOf({ kind, throttled, ours, reaction }: EndedCall): TroubleKind {
  if (throttled) return "throttled";
  if (ours) return "keys";
  if (kind !== "refused") return "unanswered";
  if (reaction?.kind === "unavailable") return "failing";
  return reaction?.kind === "rejected" && reaction.rejection === "forbidden" ? "forbidden" : "refused";
}
