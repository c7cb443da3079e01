// What a replica says to the shared ledger, and what it is told: the arguments and the reply of the script.

/** One command. Times are durations in ms: no clock is shared. */
export interface Ask {
  readonly replica: string;
  /** All tokens, N. */
  readonly quota: number;
  /** For how long after the loss of the ledger a call of this replica can still be counted. */
  readonly countsMs: number;
  readonly leaseMs: number;
  /** The ledger as it was when it last answered. */
  readonly seen?: { readonly epoch: string; readonly agoMs: number };
  /** For how long calls of all who have used the ledgers that this replica has seen can still be counted. */
  readonly formerMs: number;
  /** The store's clock has moved against ours since then. */
  readonly stepped: boolean;
  readonly wish?: AskedToken;
  /** How far apart calls start. */
  readonly spaceMs: number;
  readonly throttle?: { readonly pauseMs: number; readonly sentAgoMs: number };
  /** Of all replicas. */
  readonly keptAtMost: number;
  /** Tokens that this replica would keep while it does not use them. */
  readonly keep: readonly string[];
  readonly back: readonly GivenBack[];
}

export interface AskedToken {
  /** The name it is to have. */
  readonly token: string;
  /** 0 is served first. */
  readonly rank: number;
  readonly newcomer: boolean;
  /** A kept token that may be used instead. */
  readonly kept?: string;
  /** How long it waits for its turn before it asks again. */
  readonly forMs: number;
}

export interface GivenBack {
  readonly token: string;
  /** Something may have been sent with it. */
  readonly used: boolean;
}

export interface Reply {
  readonly epoch: string;
  /** By the store's clock. */
  readonly storeMs: number;
  readonly granted?: { readonly token: string; readonly ahead: boolean };
  /** Until a token can be had, if time alone decides. */
  readonly waitMs?: number;
  readonly opensInMs: number;
  readonly pausedForMs: number;
  readonly withheld: number;
  readonly free: number;
  /** For how long calls of all who have used this ledger count. */
  readonly countsMs: number;
  readonly replicas: number;
  readonly kept: ReadonlySet<string>;
  /** For how long each token has been in use, or on its way back. */
  readonly inUseForMs: ReadonlyMap<string, number>;
}

/** The script's arguments. */
export function argumentsOf(ask: Ask): string[] {
  const { seen, wish, throttle } = ask;
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
    String(wish?.rank ?? 0),
    flag(wish?.newcomer ?? false),
    wish?.kept ?? "",
    String(wish?.forMs ?? 0),
    throttle ? String(throttle.pauseMs) : "",
    String(throttle?.sentAgoMs ?? 0),
    String(ask.keptAtMost),
    String(ask.spaceMs),
    String(ask.keep.length),
    ...ask.keep,
    ...ask.back.map(({ token, used }) => (used ? token : `-${token}`)),
  ];
}

/** Throws if it is not a reply of the script. */
export function replyOf(raw: unknown): Reply {
  if (!Array.isArray(raw) || raw.length < 12) throw new Error("the store's answer is not one of the ledger's");
  const fields = raw.map(String);
  const [epoch = "", now, token, ahead, wait, opens, paused, withheld, free, counts, replicas] = fields;
  const end = fields.indexOf("", 11);
  const inUseForMs = new Map<string, number>();
  for (let n = end + 1; n + 1 < fields.length; n += 2)
    inUseForMs.set(fields[n] as string, Number(fields[n + 1]) / 1000);
  return {
    epoch,
    storeMs: Number(now) / 1000,
    ...(token && { granted: { token, ahead: ahead === "1" } }),
    ...(wait !== "-1" && { waitMs: Number(wait) / 1000 }),
    opensInMs: Number(opens) / 1000,
    pausedForMs: Number(paused) / 1000,
    withheld: Number(withheld),
    free: Number(free),
    countsMs: Number(counts) / 1000,
    replicas: Number(replicas),
    kept: new Set(fields.slice(11, end)),
    inUseForMs,
  };
}

function flag(is: boolean): string {
  return is ? "1" : "0";
}
