// One entry of the table of questions about jobs: what it answers, what must be prepared for it,
// and what it changes and costs.
import type { ProbeAnswer, Sighting } from "../asker.js";
import type { Bench, FindingName } from "./bench.js";
import type { Effect } from "./effect.js";

export interface JobQuestion {
  readonly answers: readonly FindingName[];
  /** What is done, for the plan and the progress. */
  readonly does: string;
  /** What must be prepared. */
  readonly needs: string;
  /** What it changes. */
  readonly changes: string;
  /** The most calls, unless an answer is lost. */
  readonly mostCalls: number;
  /** Which of the answers depend on others. */
  readonly after?: string;
  /** Reports with `bench.learn` as soon as it knows. Throws CannotTell about what is left. */
  readonly ask: (bench: Bench) => Promise<void>;
}

export const ALL_FLAGS = ["scheduled", "queued", "inProgress", "notified", "unconfirmed"] as const;

export function isRefused(sighting: Sighting): sighting is Extract<Sighting, { kind: "refused" }> {
  return sighting.kind === "refused";
}

/** What a report says of an answer that is not one of those expected. */
export function surprise(seen: ProbeAnswer, note: string) {
  return { note: `could not be told: ${note}`, seen, surprising: true } as const;
}

/** How long no effect was seen. */
export function within(watchedMs: number): string {
  return `within ${Math.round(watchedMs / 1000)} s`;
}

/** What became of the tasks. */
export const EFFECTS: Readonly<Record<Effect, string>> = {
  all: "every task was canceled",
  some: "only some of the tasks were canceled",
  none: "no task was canceled",
  unknown: "no task was left to see an effect on",
};
