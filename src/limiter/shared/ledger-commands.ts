// Builds the commands of a replica to the shared ledger: its own state, the token that it wants,
// and the tokens that it keeps in reserve.
import type { Wish } from "../../gateway/limiter.js";
import type { EarlyReturn } from "../early-return.js";
import type { Takers } from "../takers.js";
import { countsForMs, FENCE_MS, spaceMs } from "../token-rule.js";
import type { GrantsAhead } from "./grants-ahead.js";
import type { Heartbeats } from "./heartbeats.js";
import type { Holdings } from "./holdings.js";
import type { Ask } from "./protocol.js";
import { RANKS } from "./state.js";
import type { StoreView } from "./store-view.js";

export interface LedgerCommandsOptions {
  readonly replica: string;
  readonly callsPerSecond: number;
  readonly callTimeoutMs: number;
  /** The number of tokens to keep while there is nothing to send. */
  readonly reserve: number;
  /** How long a kept token may be used without the store. */
  readonly shareMs: number;
  readonly early?: EarlyReturn | undefined;
  readonly held: Holdings;
  readonly view: StoreView;
  readonly ahead: GrantsAhead;
  readonly takers: Takers;
  readonly heartbeats: Heartbeats;
  /** Whether the store can be asked for tokens. */
  serves(): boolean;
}

/** A replica counts as present for this long, or until it has missed some turns. */
const PRESENT_MS = 5000;

/** A waiting replica that is not heard from for this long loses its turn. */
const WAITS_FOR_MS = 1000;

export class LedgerCommands {
  readonly #options: LedgerCommandsOptions;
  #named = 0;

  constructor(options: LedgerCommandsOptions) {
    this.#options = options;
  }

  /** A name that no token had before. */
  newToken(): string {
    return `${this.#options.replica}.${++this.#named}`;
  }

  circumstances(): Omit<Ask, "back"> {
    const {
      replica,
      callsPerSecond: quota,
      callTimeoutMs,
      early,
      view,
      ahead,
      held,
      heartbeats,
      shareMs,
    } = this.#options;
    const countsMs = countsForMs(callTimeoutMs);
    return {
      ...view.circumstances(),
      replica,
      presentForMs: Math.max(PRESENT_MS, ahead.wanted ? 0 : 2.5 * heartbeats.roundMs),
      quota,
      // If this ledger is lost, its successor cannot know which replicas continue with its tokens.
      countsMs: countsMs + (view.isOpen ? shareMs : 0),
      leaseMs: FENCE_MS + shareMs + countsMs,
      spaceMs: spaceMs(held.answerMs, quota),
      early: early?.isBlamed ?? false,
      keptAtMost: Math.floor(quota / 2),
      keep: this.#options.serves() ? this.#wouldKeep() : [],
    };
  }

  /** The wish for a token of this name. */
  wishFor(token: string, { priority, newcomer }: Wish, wantedForMs: number): NonNullable<Ask["wish"]> {
    const { held, view } = this.#options;
    const offer = held.offer();
    return {
      token,
      rank: RANKS[priority],
      newcomer,
      ...(offer && { own: { token: offer.token, inMs: view.inMs(offer.freeMs) } }),
      ...view.distance(),
      wantedForMs: Math.max(wantedForMs, 0),
      forMs: WAITS_FOR_MS,
    };
  }

  /** The tokens to keep in reserve, so that this replica has some when the store fails. */
  #wouldKeep(): string[] {
    const { held, takers, reserve, replica } = this.#options;
    const kept = held.kept();
    if (takers.first) return kept; // while it works, it holds tokens anyway
    for (let n = 1; kept.length < reserve; n++) kept.push(`${replica}.${this.#named}-${n}`);
    return kept;
  }
}
