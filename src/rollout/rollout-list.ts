// Reads the list of a package's batches, all pages of it, and queries each batch for which the list
// does not say enough. Rights depend on the product, so that a batch whose product cannot be read
// is in no reading.
import { isClear } from "./batch-status.js";
import { endReasonOf, type FailedJobCall } from "./end-reason.js";
import type { JobCallResult } from "./job-line.js";
import type { JobCall, JobRow } from "./job-operator.js";

/** Whose batches are read. */
export interface RolloutScope {
  readonly productKey: string;
  readonly firmwareId: string;
  /** Only this batch; empty for all. */
  readonly jobId: string;
}

/** The batches at one time, each once. */
export interface ListReading {
  readonly rows: readonly JobRow[];
  /** With a `jobId`: the other batches of the package, as far as the list tells their product. */
  readonly others: readonly JobRow[];
  /** Batches of an unknown product or kind, with the reason. */
  readonly unclear: ReadonlyMap<string, string>;
  /** When the first call was sent. */
  readonly sentMs: number;
}

/** 2,000 batches. */
const MOST_PAGES = 40;

export class RolloutList {
  /** The last complete reading. */
  reading: ListReading | undefined;
  readings = 0;
  /** Why the last attempt failed. */
  failure: { readonly end: FailedJobCall | undefined; readonly message: string } | undefined;
  readonly #scope: RolloutScope;
  /** The answers of queries; a batch never changes its product, package or kind. */
  readonly #queried = new Map<string, JobRow>();
  #rows = new Map<string, JobRow>();
  #others = new Map<string, JobRow>();
  #unclear = new Map<string, string>();
  #todo: JobCall[] = [];
  #underWay = 0;
  #sentMs: number | undefined;
  #isReading = false;

  constructor(scope: RolloutScope) {
    this.#scope = scope;
  }

  get isReading(): boolean {
    return this.#isReading;
  }

  begin(): void {
    this.#isReading = true;
    this.#rows = new Map();
    this.#others = new Map();
    this.#unclear = new Map();
    this.#sentMs = undefined;
    this.failure = undefined;
    this.#todo = [this.#page(1)];
  }

  /** The calls to make now. */
  next(): JobCall[] {
    const calls = this.#todo;
    this.#todo = [];
    this.#underWay += calls.length;
    return calls;
  }

  ended(call: JobCall, end: JobCallResult["end"], sentMs: number | undefined): void {
    this.#underWay--;
    if (!this.#isReading) return;
    if (call.operation === "ListOTAJobByFirmware") this.#noteList(call.page, end, sentMs);
    else if (call.operation === "QueryOTAJob") this.#noteQuery(call.jobId, end, sentMs);
    if (this.#todo.length > 0 || this.#underWay > 0) return;
    this.#isReading = false;
    if (this.failure || this.#sentMs === undefined) return;
    this.readings++;
    const [rows, others] = [[...this.#rows.values()], [...this.#others.values()]];
    this.reading = { rows, others, unclear: this.#unclear, sentMs: this.#sentMs };
  }

  #noteList(page: number, end: JobCallResult["end"], sentMs: number | undefined): void {
    if (end.kind !== "accepted") {
      this.#fail(end, `the batches could not be listed: ${endReasonOf(end)}`);
      return;
    }
    if (end.answer?.kind !== "jobs") {
      this.#fail(undefined, "the upstream's list of batches could not be parsed");
      return;
    }
    this.#sentMs ??= sentMs;
    // A batch that is created meanwhile moves the others to later pages: some come twice, none is
    // missed.
    for (const row of end.answer.jobs) this.#add(row);
    if (!end.answer.isLast && page < MOST_PAGES) this.#todo.push(this.#page(page + 1));
    else if (!end.answer.isLast) this.#fail(undefined, `the package has more than ${MOST_PAGES} pages of batches`);
    else if (this.#scope.jobId !== "" && !this.#rows.has(this.#scope.jobId)) this.#query(this.#scope.jobId);
  }

  #add(row: JobRow): void {
    const { jobId } = this.#scope;
    if (jobId !== "" && row.jobId !== jobId) {
      if (isClear(row)) this.#others.set(row.jobId, row);
      return;
    }
    if (this.#rows.has(row.jobId)) return;
    const queried = this.#queried.get(row.jobId);
    const whole: JobRow = queried ? { ...queried, status: row.status } : row;
    this.#rows.set(row.jobId, whole);
    if (!isClear(whole)) this.#query(row.jobId);
  }

  #query(jobId: string): void {
    this.#todo.push({ operation: "QueryOTAJob", jobId });
  }

  #noteQuery(jobId: string, end: JobCallResult["end"], sentMs: number | undefined): void {
    const job = end.kind === "accepted" && end.answer?.kind === "job" ? end.answer.job : undefined;
    if (job?.jobId === jobId && isClear(job)) {
      this.#sentMs ??= sentMs;
      this.#queried.set(jobId, job);
      this.#rows.set(jobId, job);
      return;
    }
    this.#rows.delete(jobId);
    const why = end.kind === "accepted" ? "the upstream does not say which product it is of" : endReasonOf(end);
    this.#unclear.set(jobId, why);
    if (jobId === this.#scope.jobId) this.#fail(end.kind === "accepted" ? undefined : end, why);
  }

  #fail(end: FailedJobCall | undefined, message: string): void {
    this.failure ??= { end, message };
    this.#todo = [];
  }

  #page(page: number): JobCall {
    return { operation: "ListOTAJobByFirmware", firmwareId: this.#scope.firmwareId, page };
  }
}
