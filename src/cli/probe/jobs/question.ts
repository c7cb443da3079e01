// One entry of the table of questions about jobs: what it answers, what must be prepared for it,
// and what it changes and costs.
import type { ProbeAnswer, Sighting } from "../asker.js";
import type { Bench, FindingName } from "./bench.js";
import type { Effect } from "./effect.js";

export interface JobQuestion {
  readonly answers: readonly FindingName[];
  /** The call or comparison, for the plan and the progress. */
  readonly does: string;
  /** The preparation. */
  readonly needs: string;
  /** The change that it makes or may make. */
  readonly changes: string;
  /** The most calls, unless an answer is lost. */
  readonly mostCalls: number;
  /** The answers that depend on others. */
  readonly after?: string;
  /** Reports with `bench.learn` as soon as it knows. Throws CannotTell about what is left. */
  readonly ask: (bench: Bench) => Promise<void>;
}

export const ALL_FLAGS = ["scheduled", "queued", "inProgress", "notified", "unconfirmed"] as const;

export function isRefused(sighting: Sighting): sighting is Extract<Sighting, { kind: "refused" }> {
  return sighting.kind === "refused";
}

/** The finding for an answer that is not one of those expected. */
export function surprise(seen: ProbeAnswer, note: string) {
  return { note: `undecided: ${note}`, seen, surprising: true } as const;
}

/** How long no effect was seen. */
export function within(watchedMs: number): string {
  return `within ${Math.round(watchedMs / 1000)} s`;
}

/** The effects in words. */
export const EFFECTS: Readonly<Record<Effect, string>> = {
  all: "every task was canceled",
  some: "only some of the tasks were canceled",
  none: "no task was canceled",
  unknown: "no task was left to see an effect on",
};
