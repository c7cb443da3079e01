// The sweep of one batch: what a call for the whole batch did not reach is read by pages and
// canceled by device. Pages are read from the last to the first, because what is removed shifts
// only the pages behind it. Only devices whose state was asked for on a fresh page are canceled.
import type { JobAnswer, JobCall, OpenState } from "./job-operator.js";

export interface SweepCall {
  readonly operation: "CancelOTATaskByDevice";
  readonly jobId: string;
  readonly deviceNames: readonly string[];
}

/** The largest page that the upstream allows, and how far pages reach. */
const PAGE_SIZE = 100;
const MOST_LISTED = 100_000;

const MOST_PAGES = 200;
const MOST_PASSES = 3;

export class Sweep {
  readonly #jobId: string;
  readonly #states: readonly OpenState[];
  /** Pages of this pass that were not read yet. */
  #pages: { readonly state: OpenState; readonly page: number }[] = [];
  #found: SweepCall[] = [];
  /** Devices that were canceled in this pass. */
  #names = new Set<string>();
  #reading = 0;
  #canceling = 0;
  #passes = 0;
  #isStopped = false;

  constructor(jobId: string, states: Iterable<OpenState>) {
    this.#jobId = jobId;
    this.#states = [...states];
  }

  get isUnderWay(): boolean {
    return this.#pages.length > 0 || this.#found.length > 0 || this.#reading > 0 || this.#canceling > 0;
  }

  /** Pages that are being read. */
  get reading(): number {
    return this.#reading;
  }

  get hasPassed(): boolean {
    return this.#passes > 0;
  }

  get mayPass(): boolean {
    return !this.#isStopped && this.#passes < MOST_PASSES;
  }

  /** Begins a pass over as many tasks as there are in each state. */
  begin(totalOf: (state: OpenState) => number): void {
    this.#passes++;
    this.#names = new Set();
    for (const state of this.#states) {
      const last = Math.ceil(Math.min(totalOf(state), MOST_LISTED) / PAGE_SIZE);
      const room = MOST_PAGES - this.#pages.length;
      for (let page = last; page > Math.max(0, last - room); page--) this.#pages.push({ state, page });
    }
  }

  /** All tasks were gone: what appears from now on may be swept as often as before. */
  forgetPasses(): void {
    this.#passes = 0;
  }

  /** Makes no further call. */
  stop(): void {
    this.#isStopped = true;
    this.#pages = [];
    this.#found = [];
  }

  /** The calls to make now, with `mostPages` further pages at most. */
  next(mostPages: number): (JobCall | SweepCall)[] {
    const calls: (JobCall | SweepCall)[] = this.#found;
    this.#canceling += this.#found.length;
    this.#found = [];
    for (const next of this.#pages.splice(0, Math.max(mostPages, 0))) {
      this.#reading++;
      calls.push({ operation: "ListOTATaskByJob", jobId: this.#jobId, ...next, pageSize: PAGE_SIZE });
    }
    return calls;
  }

  /** A page was read; without an answer, its devices are left to the next pass. */
  read(answer: JobAnswer | undefined): void {
    this.#reading--;
    if (answer?.kind !== "tasks" || this.#isStopped) return;
    const deviceNames = answer.tasks.flatMap(({ deviceName, state }) => {
      const isAsked = (this.#states as readonly string[]).includes(state);
      if (!isAsked || this.#names.has(deviceName)) return [];
      this.#names.add(deviceName);
      return deviceName;
    });
    const operation = "CancelOTATaskByDevice" as const;
    if (deviceNames.length > 0) this.#found.push({ operation, jobId: this.#jobId, deviceNames });
  }

  canceled(): void {
    this.#canceling--;
  }
}
