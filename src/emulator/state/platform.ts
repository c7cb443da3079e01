// All that the emulated platform knows, in memory and nowhere else: products, devices, packages, batches
// and tasks, and the time. The rules by which it changes stand beside it: rollout.ts and device-reports.ts.
import { Devices, NONE } from "./devices.js";
import type { Firmware } from "./firmware.js";
import type { Job } from "./job.js";
import type { Product } from "./product.js";
import type { TaskState } from "./task-state.js";
import { Tasks } from "./tasks.js";
import { Timeline } from "./timeline.js";

export class Platform {
  readonly products = new Map<string, Product>();
  readonly devices = new Devices();
  readonly firmware = new Map<string, Firmware>();
  readonly jobs = new Map<string, Job>();
  readonly tasks: Tasks;
  readonly timeline: Timeline;
  /** Dynamic batches that still take devices in. */
  readonly dynamicJobs = new Set<Job>();
  /** Told of each task that becomes QUEUED, for whoever plays the devices. */
  onQueued: ((task: number) => void) | undefined;
  #canceled = 0;
  #repeatedCancels = 0;

  /** `clockMs`: milliseconds since the epoch that never go back. */
  constructor(clockMs: () => number) {
    this.timeline = new Timeline(clockMs);
    this.tasks = new Tasks(this.devices, (task, state, nowMs) => {
      this.tasks.jobOf(task).settle(nowMs);
      if (state === "QUEUED") this.onQueued?.(task);
    });
  }

  now(): number {
    return this.timeline.now();
  }

  /** Moves tasks that are unfinished to CANCELED, and counts what was done for `CancelOTATaskByDevice`. */
  cancelForDevice(unfinished: readonly number[], canceledBefore: boolean): void {
    for (const task of unfinished) this.tasks.move(task, "CANCELED", this.now());
    this.#canceled += unfinished.length;
    if (unfinished.length === 0 && canceledBefore) this.#repeatedCancels++;
  }

  /** The state of a device's newest task; undefined without such a device or task. */
  taskOf(productKey: string, deviceName: string): TaskState | undefined {
    const device = this.products.get(productKey)?.rowOfName.get(deviceName);
    const task = device === undefined ? NONE : this.devices.newestTask(device);
    return task === NONE ? undefined : this.tasks.stateOf(task);
  }

  counts(): TaskCounts {
    return {
      devicesCanceled: this.#canceled,
      repeatedCancels: this.#repeatedCancels,
      tasks: this.tasks.counts(),
    };
  }
}

export interface TaskCounts {
  /** Tasks that a `CancelOTATaskByDevice` moved to CANCELED. */
  readonly devicesCanceled: number;
  /** Its devices that had nothing to cancel, for their task was CANCELED already. */
  readonly repeatedCancels: number;
  /** Tasks by state. */
  readonly tasks: Readonly<Record<TaskState, number>>;
}
