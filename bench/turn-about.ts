// Puts servers under the same load, in alternation. Compare several processes of each: depending on
// when code is compiled and memory collected, the same server took from 50 to 75 us a request.
import { type LoadOptions, type LoadResult, load } from "./load.js";
import { median } from "./median.js";
import type { ServerProcess } from "./processes.js";

/** A process with its name. */
export type Contestant = readonly [who: string, server: ServerProcess];

/** Rounds until the machine code of all no longer changes. */
const WARM_UP_ROUNDS = 2;

export class TurnAbout {
  readonly #rounds: Map<string, LoadResult[]>[] = [];

  /** Loads every server once in each round, after the rounds that warm it up. */
  async run(contestants: readonly Contestant[], rounds: number, options: LoadOptions): Promise<void> {
    for (let round = -WARM_UP_ROUNDS; round < rounds; round++) {
      const results = new Map(contestants.map(([who]) => [who, [] as LoadResult[]]));
      for (const [who, server] of contestants) results.get(who)?.push(await load(server, options));
      if (round >= 0) this.#rounds.push(results);
    }
  }

  /** The results of all rounds with this name. */
  resultsOf(who: string): LoadResult[] {
    return this.#rounds.flatMap((round) => round.get(who) ?? []);
  }

  /**
   * Processor time of a request relative to `base`: for each round the ratio of the medians, then
   * the median.
   */
  ratio(who: string, base: string): number {
    const cost = (of: string, round: ReadonlyMap<string, readonly LoadResult[]>) =>
      median((round.get(of) ?? []).map(({ perRpcMs }) => perRpcMs));
    return median(this.#rounds.map((round) => cost(who, round) / cost(base, round)));
  }
}
