// An operation that stops a rollout, as it is stored: its order, and what its holders have recorded
// of it, from which another holder goes on.
import type { Priority, Scope } from "../../gateway/command.js";
import type { BatchStop } from "../../rollout/batch-record.js";
import type { OpenState } from "../../rollout/job-operator.js";
import type { StopStep } from "../../rollout/stop-call.js";
import type { RunEnding } from "../run-ending.js";

/** Changes whenever the order or the detail is written in a way that older programs cannot read. */
export const STOP_ROLLOUT = "stop-rollout/1";

/** The normalized order. */
export interface StopSpec {
  readonly requestId: string;
  readonly account: string;
  readonly scope: Scope;
  readonly reason: string;
  /** In the order of OPEN_STATES; at least one. */
  readonly states: readonly OpenState[];
  readonly keepStrategies: boolean;
  readonly includeNewJobs: boolean;
  readonly listInstalled: boolean;
  readonly etag: string;
  /** Of the sweep. */
  readonly priority: Priority;
  readonly settleMs: number;
  readonly timeToLiveMs: number;
}

/** How the stop ended, if it could be planned. */
export interface StopReport {
  readonly stopped: boolean;
  /** The end by which it was interrupted, and changed nothing more; absent if it was not. */
  readonly interruption?: RunEnding;
  readonly etag: string;
  readonly otherOpenJobs: readonly string[];
}

/** Stored as `detail`. */
export interface StopDetail {
  /** When it was first taken up, by the store's clock. */
  readonly startMs: number;
  readonly step: StopStep;
  /** Something may have been changed since: the etag has been judged, and `before` is what was. */
  readonly isPlanned: boolean;
  readonly batches: readonly BatchStop[];
  readonly report?: StopReport;
  /** The batch of each chunk of results so far, as an index of `chunkJobs`. */
  readonly chunks: readonly number[];
  readonly chunkJobs: readonly string[];
  /**
   * How far devices are listed that are left, or run the package: which list, and its next page.
   */
  readonly listed: { readonly list: number; readonly page: number };
  /** There are more such devices than are stored. */
  readonly isTruncated: boolean;
}

/** The detail of a record; undefined before anything was recorded. */
export function stopDetailOf(detail: string): StopDetail | undefined {
  return detail === "" ? undefined : (JSON.parse(detail) as StopDetail);
}
