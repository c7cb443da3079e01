// The commands of a replica to the shared ledger and their replies: the arguments and results of
// the script.

/** One command. Times are durations in ms, because the clocks are not shared. */
export interface Ask {
  readonly replica: string;
  /** How long it counts as present. */
  readonly presentForMs: number;
  /** The total number of tokens, N. */
  readonly quota: number;
  /** How long a call of this replica may still be counted after the ledger is lost. */
  readonly countsMs: number;
  readonly leaseMs: number;
  /** The ledger's opening at its last reply, and how long ago that was. */
  readonly seen?: { readonly epoch: string; readonly agoMs: number };
  /** How long calls of any user of the ledgers that this replica has seen may still be counted. */
  readonly formerMs: number;
  /** Whether the store's clock has stepped relative to ours since that reply. */
  readonly stepped: boolean;
  /** Absent to wish for nothing; "same" to wish what it wished before. */
  readonly wish?: AskedToken | "same";
  /** The distance between starts of calls. */
  readonly spaceMs: number;
  readonly throttle?: { readonly pauseMs: number; readonly sentAgoMs: number };
  /** Whether tokens of this replica returned early lately. */
  readonly early: boolean;
  /** The maximum number of kept tokens of all replicas. */
  readonly keptAtMost: number;
  /** Tokens that this replica wants to keep while it does not use them. */
  readonly keep: readonly string[];
  readonly back: readonly GivenBack[];
}

export interface AskedToken {
  /** The name for the new token. */
  readonly token: string;
  /** Lower ranks are served first, from 0. */
  readonly rank: number;
  readonly newcomer: boolean;
  /** A token of this replica that may be used instead, and in how long it can be. */
  readonly own?: { readonly token: string; readonly inMs: number };
  /** How long before its start a token may be granted. */
  readonly aheadMs: number;
  /** The shortest time that a command of this replica takes, there and back. */
  readonly tripMs: number;
  /** How long it has been wanted. */
  readonly wantedForMs: number;
  /** How long it waits for its turn before asking again. */
  readonly forMs: number;
}

export interface GivenBack {
  readonly token: string;
  /** Whether something may have been sent with it. */
  readonly used: boolean;
}

export interface Reply {
  readonly epoch: string;
  /** The time on the store's clock. */
  readonly storeMs: number;
  /** The token, whether it is ahead of pacing, and in how long a call may start with it. */
  readonly granted?: { readonly token: string; readonly ahead: boolean; readonly inMs: number };
  /** Whether the token that it wanted to use again is needed elsewhere. */
  readonly yields: boolean;
  /** In how long the next request should reach the store, if that is known. */
  readonly waitMs?: number;
  readonly opensInMs: number;
  readonly pausedForMs: number;
  readonly withheld: number;
  readonly free: number;
  /** How long calls of any user of this ledger may be counted. */
  readonly countsMs: number;
  readonly replicas: number;
  /** The message that wakes the replica whose turn is next. */
  readonly wake?: string;
  /** For how long no token returns early, on any replica. */
  readonly fallbackForMs: number;
  readonly kept: ReadonlySet<string>;
  /** How long each token has been in use or cooling. */
  readonly inUseForMs: ReadonlyMap<string, number>;
}

/** Makes the script's arguments. */
export function argumentsOf(ask: Ask): string[] {
  const { seen, throttle } = ask;
  const wish = ask.wish === "same" ? undefined : ask.wish;
  return [
    ask.replica,
    String(ask.quota),
    String(ask.countsMs),
    String(ask.leaseMs),
    seen?.epoch ?? "",
    String(seen?.agoMs ?? 0),
    String(ask.formerMs),
    flag(ask.stepped),
    wish?.token ?? "",
    ask.wish === "same" ? "" : String(wish?.rank ?? 0),
    flag(wish?.newcomer ?? false),
    wish?.own?.token ?? "",
    String(wish?.own?.inMs ?? 0),
    String(wish?.aheadMs ?? 0),
    String(wish?.tripMs ?? 0),
    String(wish?.wantedForMs ?? 0),
    String(wish?.forMs ?? 0),
    throttle ? String(throttle.pauseMs) : "",
    String(throttle?.sentAgoMs ?? 0),
    String(ask.keptAtMost),
    String(ask.spaceMs),
    String(ask.presentForMs),
    flag(ask.early),
    String(ask.keep.length),
    ...ask.keep,
    ...ask.back.map(({ token, used }) => (used ? token : `-${token}`)),
  ];
}

/** Parses a reply. Throws if the script did not make it. */
export function replyOf(raw: unknown): Reply {
  if (!Array.isArray(raw) || raw.length < 15) throw new Error("the store's answer is not one of the ledger's script");
  const fields = raw.map(String);
  const [epoch = "", now, token, ahead, wait, opens, paused, withheld, free, counts, replicas, wake, fallback, yields] =
    fields;
  const end = fields.indexOf("", 14);
  const inUseForMs = new Map<string, number>();
  for (let n = end + 1; n + 1 < fields.length; n += 2)
    inUseForMs.set(fields[n] as string, Number(fields[n + 1]) / 1000);
  return {
    epoch,
    storeMs: Number(now) / 1000,
    ...(token && { granted: { token, ahead: ahead === "1", inMs: Number(wait) / 1000 } }),
    ...(!token && wait !== "-1" && { waitMs: Number(wait) / 1000 }),
    yields: yields === "1",
    opensInMs: Number(opens) / 1000,
    pausedForMs: Number(paused) / 1000,
    withheld: Number(withheld),
    free: Number(free),
    countsMs: Number(counts) / 1000,
    replicas: Number(replicas),
    ...(wake && { wake }),
    fallbackForMs: Number(fallback) / 1000,
    kept: new Set(fields.slice(14, end)),
    inUseForMs,
  };
}

function flag(is: boolean): string {
  return is ? "1" : "0";
}
