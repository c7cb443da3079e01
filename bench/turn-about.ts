// Puts servers under the same load, in alternation. Compare several processes of each: depending on
// when code is compiled and memory collected, the same server took from 50 to 75 us a request.
import { type LoadOptions, type LoadResult, load } from "./load.js";
import { median } from "./median.js";
import type { ServerProcess } from "./processes.js";

/** A process with its name. */
export type Contestant = readonly [who: string, server: ServerProcess];

/**
 * Requests to each process until its machine code no longer changes. A gateway takes 429 µs of the
 * processor for one of the first 8,000 on Node 24, and 184 µs after 30,000.
 */
const WARM_UP_RPCS = 30_000;

export class TurnAbout {
  readonly #rounds: Map<string, LoadResult[]>[] = [];

  /** Warms every server up, and then loads each once in every round. */
  async run(contestants: readonly Contestant[], rounds: number, options: LoadOptions): Promise<void> {
    for (const [, server] of contestants) {
      for (let rpcs = 0; rpcs < WARM_UP_RPCS; ) rpcs += (await load(server, options)).rpcs;
    }
    for (let round = 0; round < rounds; round++) {
      const results = new Map(contestants.map(([who]) => [who, [] as LoadResult[]]));
      for (const [who, server] of contestants) results.get(who)?.push(await load(server, options));
      this.#rounds.push(results);
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
