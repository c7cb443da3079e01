// Servers under the same load, turn about. Of those that are compared there should be several processes each: by
// chance of what is compiled and collected when, one and the same server took from 50 to 75 us a request.
import { type LoadOptions, type LoadResult, load } from "./load.js";
import { median } from "./median.js";
import type { ServerProcess } from "./processes.js";

/** A process, by what it is. */
export type Contestant = readonly [who: string, server: ServerProcess];

/** Until the machine code of all is what it stays. */
const WARM_UP_ROUNDS = 2;

export class TurnAbout {
  readonly #rounds: Map<string, LoadResult[]>[] = [];

  /** Every server has its turn in each of so many rounds, after those that warm it up. */
  async run(contestants: readonly Contestant[], rounds: number, options: LoadOptions): Promise<void> {
    for (let round = -WARM_UP_ROUNDS; round < rounds; round++) {
      const results = new Map(contestants.map(([who]) => [who, [] as LoadResult[]]));
      for (const [who, server] of contestants) results.get(who)?.push(await load(server, options));
      if (round >= 0) this.#rounds.push(results);
    }
  }

  /** What those of this name made, in all rounds. */
  resultsOf(who: string): LoadResult[] {
    return this.#rounds.flatMap((round) => round.get(who) ?? []);
  }

  /** Processor time a request, of `base`'s: of their medians in each round, the median of all rounds. */
  ratio(who: string, base: string): number {
    const cost = (of: string, round: ReadonlyMap<string, readonly LoadResult[]>) =>
      median((round.get(of) ?? []).map(({ perRpcMs }) => perRpcMs));
    return median(this.#rounds.map((round) => cost(who, round) / cost(base, round)));
  }
}
