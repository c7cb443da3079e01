// An update batch (the API calls it a job): its parameters, its tasks, and its own state, which
// follows from theirs. The counts by state are updated with every move, so that no question about a
// job of a million tasks has to walk over them.
import { Column } from "./column.js";
import type { Firmware } from "./firmware.js";
import type { Product } from "./product.js";
import { TASK_STATES, type TaskState } from "./task-state.js";

export interface JobTraits {
  readonly type: "VERIFY_FIRMWARE" | "UPGRADE_FIRMWARE";
  readonly selection: "STATIC" | "DYNAMIC";
  readonly targetSelection: "ALL" | "SPECIFIC" | "GRAY";
  readonly grayPercent?: string | undefined;
  readonly srcVersions: readonly string[];
  readonly scheduleMs?: number | undefined;
  readonly scheduleFinishMs?: number | undefined;
  readonly retryInterval?: number | undefined;
  readonly retryCount?: number | undefined;
  readonly timeoutInMinutes?: number | undefined;
  readonly maximumPerMinute: number;
  /** 1: a device with an unfinished task fails the new one; 2: the new one replaces it. */
  readonly overwriteMode: number;
  /** 1: matching devices, now and later; 2: only those that report a matching version later. */
  readonly dynamicMode?: number | undefined;
  readonly needPush: boolean;
  readonly needConfirm: boolean;
  readonly multiModuleMode: boolean;
  readonly downloadProtocol: string;
  readonly tags: readonly Tag[];
}

export interface Tag {
  readonly Key: string | undefined;
  readonly Value: string | undefined;
}

type JobStatus = "PLANNED" | "IN_PROGRESS" | "COMPLETED" | "CANCELED";

export class Job {
  readonly id: string;
  readonly product: Product;
  readonly firmware: Firmware;
  readonly traits: JobTraits;
  readonly createdMs: number;
  /** Rows, in the order of creation. */
  readonly tasks = Column.ofRows();
  readonly counts = Object.fromEntries(TASK_STATES.map((state) => [state, 0])) as Record<TaskState, number>;
  status: JobStatus = "PLANNED";
  modifiedMs: number;
  startedMs: number | undefined;
  endedMs: number | undefined;

  constructor(id: string, firmware: Firmware, product: Product, traits: JobTraits, nowMs: number) {
    this.id = id;
    this.firmware = firmware;
    this.product = product;
    this.traits = traits;
    this.createdMs = nowMs;
    this.modifiedMs = nowMs;
  }

  /** Written out: it is asked for at every move of a task, and a job may have a million. */
  get unfinished(): number {
    const { CONFIRM, QUEUED, NOTIFIED, IN_PROGRESS } = this.counts;
    return CONFIRM + QUEUED + NOTIFIED + IN_PROGRESS;
  }

  start(nowMs: number): void {
    this.status = "IN_PROGRESS";
    this.modifiedMs = nowMs;
    this.startedMs ??= nowMs;
    this.endedMs = undefined;
  }

  end(status: "COMPLETED" | "CANCELED", nowMs: number): void {
    this.status = status;
    this.modifiedMs = nowMs;
    this.endedMs = nowMs;
  }

  /** Completes the batch if nothing is left to do, which also decides a verification. */
  settle(nowMs: number): void {
    if (this.traits.type === "VERIFY_FIRMWARE" && this.firmware.status === "verifying") {
      // A guess: one success verifies the package, and it fails once no task is left that could
      // succeed.
      if (this.counts.SUCCEEDED > 0) this.firmware.status = "verified";
      else if (this.unfinished === 0) this.firmware.status = this.counts.FAILED > 0 ? "failed" : "unverified";
      if (this.firmware.status !== "verifying") this.firmware.modifiedMs = nowMs;
    }
    const over = this.traits.selection === "STATIC" && this.status === "IN_PROGRESS" && this.unfinished === 0;
    if (over) this.end("COMPLETED", nowMs);
  }
}
