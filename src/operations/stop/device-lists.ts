// The last step of a stop: devices that are left, and those that run the package already, are
// listed as results, some pages at a time. How far it has come is stored with each part of the
// results.
import type { DeviceOutcome } from "../../gateway/device-outcome.js";
import type { BatchReading, BatchStop } from "../../rollout/batch-record.js";
import type { JobCall, JobTaskState } from "../../rollout/job-operator.js";
import type { RunEnding } from "../run-ending.js";
import type { StopDetail, StopSpec } from "./stop-spec.js";

/** Devices of one batch in one state. */
interface DeviceList {
  readonly jobId: string;
  readonly state: JobTaskState;
  readonly devices: number;
  readonly outcome: DeviceOutcome;
}

/** Some pages of a list: the calls that read them, and what their devices become. */
export interface ListedPart {
  readonly calls: readonly JobCall[];
  readonly jobId: string;
  readonly most: number;
  readonly outcome: DeviceOutcome;
  readonly next: StopDetail["listed"];
}

const MOST_LEFT = 10_000;
/** As far as the upstream lists. */
const MOST_INSTALLED = 100_000;
const PAGE_SIZE = 100;
/** Pages that are read at a time: one chunk of results. */
const PAGES = 20;

const LEFT_OPEN: DeviceOutcome = {
  kind: "not-attempted",
  failure: { kind: "expired", message: "its task was still open when the stop ended" },
};

export class DeviceLists {
  /** Whether the lists may hold fewer devices than there are. */
  isTruncated = false;
  readonly #lists: DeviceList[] = [];
  readonly #jobIds: readonly string[];

  /**
   * `interruption`: the end by which the stop was cut short. Then only what is left is listed, and
   * nothing for a caller that has lost its rights.
   */
  constructor(batches: readonly BatchStop[], { states, listInstalled }: StopSpec, interruption?: RunEnding) {
    this.#jobIds = batches.map(({ after }) => after.jobId);
    const isForbidden = interruption?.state === "done";
    for (const { after } of batches) {
      let room = isForbidden ? 0 : MOST_LEFT;
      for (const state of states) {
        this.#add(after, state, room, LEFT_OPEN);
        room = Math.max(room - (after.counts[state] ?? 0), 0);
      }
      if (listInstalled) this.#add(after, "SUCCEEDED", interruption ? 0 : MOST_INSTALLED, { kind: "already-finished" });
    }
  }

  /** The part from there on; undefined after the last one. */
  partAt({ list, page }: StopDetail["listed"]): ListedPart | undefined {
    const listed = this.#lists[list];
    if (!listed) return undefined;
    const { jobId, state, devices, outcome } = listed;
    const pages = Math.ceil(devices / PAGE_SIZE);
    const count = Math.min(PAGES, pages - page + 1);
    const calls = Array.from({ length: count }, (_, index): JobCall => {
      return { operation: "ListOTATaskByJob", jobId, state, page: page + index, pageSize: PAGE_SIZE };
    });
    const isLast = page + count > pages;
    const next = isLast ? { list: list + 1, page: 1 } : { list, page: page + count };
    return { calls, jobId, outcome, most: devices - (page - 1) * PAGE_SIZE, next };
  }

  /** The batches that have nothing to list from there on. */
  doneAt({ list }: StopDetail["listed"]): readonly string[] {
    const toList = new Set(this.#lists.slice(list).map(({ jobId }) => jobId));
    return this.#jobIds.filter((jobId) => !toList.has(jobId));
  }

  #add({ jobId, counts }: BatchReading, state: JobTaskState, most: number, outcome: DeviceOutcome): void {
    const counted = counts[state];
    // A batch that was not counted cannot be listed.
    if (counted === undefined || counted > most) this.isTruncated = true;
    const devices = Math.min(counted ?? 0, most);
    if (devices > 0) this.#lists.push({ jobId, state, devices, outcome });
  }
}
