// One reading of a rollout, while it goes on: the batches first, then counts, those first that say
// what a stop would reach. Everything read so far can be had at any time.
import type { BatchReading } from "./batch-record.js";
import { isOfRollout, isOpenStatus, mayHaveOpenTasks } from "./batch-status.js";
import { Counts, countCall, countIn } from "./counts.js";
import { endReasonOf } from "./end-reason.js";
import { etagOf } from "./etag.js";
import type { JobCallResult } from "./job-line.js";
import { JOB_TASK_STATES, type JobCall, type JobRow, type JobTaskState, OPEN_STATES } from "./job-operator.js";
import { type ListReading, RolloutList, type RolloutScope } from "./rollout-list.js";

type Make = (call: JobCall) => Promise<JobCallResult>;

const ENDED_STATES = JOB_TASK_STATES.filter((state) => !(OPEN_STATES as readonly string[]).includes(state));

/** The batch changes while it is counted, so that its counts need not add up exactly. */
const TOLERATED = 1.5;
const TOLERATED_TASKS = 100;

interface Counted {
  readonly counts: Counts;
  /** Without a state. */
  total: number | undefined;
  trouble: string;
}

export class RolloutReading {
  /** Resolves when there is nothing more to read. */
  readonly done: Promise<void>;
  isDone = false;
  readonly #scope: RolloutScope;
  readonly #make: Make;
  readonly #list: RolloutList;
  readonly #counted = new Map<string, Counted>();

  constructor(scope: RolloutScope, make: Make) {
    this.#scope = scope;
    this.#make = make;
    this.#list = new RolloutList(scope);
    this.done = this.#read().then(() => {
      this.isDone = true;
    });
  }

  /** Undefined until the batches have been listed. */
  get listed(): ListReading | undefined {
    return this.#list.reading;
  }

  get failure(): RolloutList["failure"] {
    return this.#list.failure;
  }

  get etag(): string {
    return etagOf(this.#rows().flatMap(({ jobId, status }) => (isOpenStatus(status) ? jobId : [])));
  }

  batches(wallMsOf: (ms: number) => number): readonly BatchReading[] {
    const unclear = [...(this.listed?.unclear ?? [])].map(([jobId, incomplete]): BatchReading => {
      return { jobId, kind: undefined, status: "", created: "", counts: {}, incomplete, countedWallMs: undefined };
    });
    return [...this.#rows().map((row) => this.#batch(row, wallMsOf)), ...unclear];
  }

  #rows(): readonly JobRow[] {
    return this.listed?.rows.filter((row) => isOfRollout(row, this.#scope)) ?? [];
  }

  async #read(): Promise<void> {
    this.#list.begin();
    while (this.#list.isReading) await Promise.all(this.#list.next().map((call) => this.#listCall(call)));
    const rows = this.#rows().filter(({ status, jobId }) => mayHaveOpenTasks(status) || jobId === this.#scope.jobId);
    rows.sort((a, b) => Number(isOpenStatus(b.status)) - Number(isOpenStatus(a.status)));
    // Calls of one caller are made in the order in which they are asked for.
    const counts = [OPEN_STATES, [...ENDED_STATES, undefined]].flatMap((states) =>
      rows.flatMap(({ jobId }) => states.map((state) => this.#count(jobId, state))),
    );
    await Promise.all(counts);
  }

  async #listCall(call: JobCall): Promise<void> {
    const { end, sentMs } = await this.#make(call);
    this.#list.ended(call, end, sentMs);
  }

  async #count(jobId: string, state: JobTaskState | undefined): Promise<void> {
    const counted = this.#counted.get(jobId) ?? { counts: new Counts(), total: undefined, trouble: "" };
    this.#counted.set(jobId, counted);
    const { end, sentMs, endedMs } = await this.#make(countCall(jobId, state));
    if (end.kind !== "accepted") {
      counted.trouble ||= `not counted: ${endReasonOf(end)}`;
      return;
    }
    const count = countIn(end.answer, state);
    if (typeof count === "string") counted.trouble ||= count;
    else if (state === undefined) counted.total = count;
    else counted.counts.note(state, { total: count, sentMs: sentMs ?? endedMs }, -Infinity);
  }

  #batch(row: JobRow, wallMsOf: (ms: number) => number): BatchReading {
    const { jobId, status, created, kind } = row;
    const counted = this.#counted.get(jobId);
    const counts = counted?.counts ?? new Counts();
    const known = JOB_TASK_STATES.filter((state) => counts.of(state));
    const countedMs = counts.countedMs(known);
    return {
      ...{ jobId, kind, status, created, counts: counts.totals() },
      incomplete: this.#whyIncomplete(row, counted),
      countedWallMs: known.length > 0 && countedMs !== undefined ? wallMsOf(countedMs) : undefined,
    };
  }

  #whyIncomplete({ status }: JobRow, counted: Counted | undefined): string {
    if (!counted) return mayHaveOpenTasks(status) ? "not counted yet" : "not counted: the batch is over";
    if (counted.trouble !== "") return counted.trouble;
    const missing = JOB_TASK_STATES.filter((state) => !counted.counts.of(state));
    if (missing.length > 0) return `${missing.join(", ")}: not counted yet`;
    const sum = counted.counts.sumOf(JOB_TASK_STATES) ?? 0;
    const isOff = counted.total !== undefined && sum > counted.total * TOLERATED + TOLERATED_TASKS;
    return isOff ? `the counts by state exceed the ${counted.total} tasks of the batch` : "";
  }
}
