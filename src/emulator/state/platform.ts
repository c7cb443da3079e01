// The state of the emulated platform, kept in memory only: products, devices, packages, batches,
// tasks, and the time. The rules by which it changes are in rollout.ts and device-reports.ts.
import { Devices, NONE } from "./devices.js";
import type { Firmware } from "./firmware.js";
import type { Job } from "./job.js";
import type { Product } from "./product.js";
import { ShownTasks } from "./shown-tasks.js";
import type { TaskState } from "./task-state.js";
import { Tasks } from "./tasks.js";
import { Timeline } from "./timeline.js";

/** Open questions about the platform, and the lag of its lists. */
export interface PlatformTraits {
  /** How far the lists of tasks lag behind. */
  readonly listLagMs: number;
  /** Whether a canceled task succeeds if its device installs the package all the same. */
  readonly lateSuccess: boolean;
  readonly olderDynamicJobTakesOver: boolean;
}

export class Platform {
  readonly traits: PlatformTraits;
  readonly products = new Map<string, Product>();
  readonly devices = new Devices();
  readonly firmware = new Map<string, Firmware>();
  readonly jobs = new Map<string, Job>();
  readonly tasks: Tasks;
  readonly shownTasks: ShownTasks;
  readonly timeline: Timeline;
  /** Dynamic batches that still take devices. */
  readonly dynamicJobs = new Set<Job>();
  /** Called with each task that becomes QUEUED, for the simulation of devices. */
  onQueued: ((task: number) => void) | undefined;
  /** Called with each task of a new rollout that begins as NOTIFIED or IN_PROGRESS. */
  onUnderWay: ((task: number) => void) | undefined;
  #canceled = 0;
  #repeatedCancels = 0;

  /** `clockMs` returns milliseconds since the epoch, and never goes back. */
  constructor(clockMs: () => number, traits: PlatformTraits) {
    this.traits = traits;
    this.timeline = new Timeline(clockMs);
    this.tasks = new Tasks(this.devices, (task, state, nowMs) => {
      this.shownTasks.note(task, state, nowMs);
      this.tasks.jobOf(task).settle(nowMs);
      if (state === "QUEUED") this.onQueued?.(task);
    });
    this.shownTasks = new ShownTasks(this.tasks, traits.listLagMs);
  }

  now(): number {
    return this.timeline.now();
  }

  /** Moves unfinished tasks to CANCELED, and counts the devices for `CancelOTATaskByDevice`. */
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
  /** Devices of such calls that had nothing to cancel because their task was CANCELED already. */
  readonly repeatedCancels: number;
  /** Tasks by state. */
  readonly tasks: Readonly<Record<TaskState, number>>;
}
