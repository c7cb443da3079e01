// Makes the calls on whole batches of one account. Each operation has a line of its own, because it
// has a quota of its own.
import type { ReportOptions } from "../gateway/call/call-report.js";
import type { Limiter } from "../gateway/limiter.js";
import { type JobCallOrigin, type JobCallResult, JobLine } from "./job-line.js";
import { JOB_OPERATIONS, type JobCall, type JobOperation, type JobOperator } from "./job-operator.js";

export interface JobCallsOptions extends Pick<ReportOptions, "account" | "clock" | "log"> {
  readonly operator: JobOperator;
  readonly limiters: Readonly<Record<JobOperation, Limiter>>;
  readonly observersOf: (operation: JobOperation) => NonNullable<ReportOptions["observers"]>;
}

export class JobCalls {
  readonly #lines: ReadonlyMap<JobOperation, JobLine>;

  constructor({ limiters, observersOf, ...options }: JobCallsOptions) {
    this.#lines = new Map(
      JOB_OPERATIONS.map((operation) => [
        operation,
        new JobLine({ ...options, operation, limiter: limiters[operation], observers: observersOf(operation) }),
      ]),
    );
  }

  /** Makes the call in its turn, by the monotonic `untilMs`. Never rejects. */
  call(call: JobCall, origin: JobCallOrigin, untilMs: number, signal?: AbortSignal): Promise<JobCallResult> {
    const line = this.#lines.get(call.operation);
    if (!line) throw new Error(`no line for ${call.operation}`);
    return line.call(call, origin, untilMs, signal);
  }

  /** Why nothing that waits for some operation can be sent; empty for no reason that is known. */
  get obstacle(): string {
    const obstacles = [...this.#lines.values()].map((line) => line.obstacle);
    return obstacles.find((obstacle) => obstacle !== "") ?? "";
  }

  /** Withdraws what waits, and waits for the calls in flight. The limiters stay open. */
  async close(): Promise<void> {
    await Promise.all([...this.#lines.values()].map((line) => line.close()));
  }
}
