// How a batch gets its tasks: which devices get one, what happens to a device that has one already,
// and when the batch begins and ends. A device has at most one unfinished task; with
// MultiModuleMode, one for each module.
import type { Firmware } from "./firmware.js";
import { idOf } from "./ids.js";
import { Job, type JobTraits } from "./job.js";
import type { Platform } from "./platform.js";
import type { Product } from "./product.js";
import { UNFINISHED } from "./task-state.js";

export interface RolloutBatch {
  /** Generated if absent. */
  readonly id?: string;
  readonly firmware: Firmware;
  readonly product: Product;
  readonly traits: JobTraits;
  /** Rows of the devices to consider. */
  readonly devices: Iterable<number>;
}

/** Opens a batch with a task for each device that qualifies; there may be none. */
export function openBatch(platform: Platform, { firmware, product, traits, devices, ...batch }: RolloutBatch): Job {
  const nowMs = platform.now();
  const job = new Job(batch.id ?? idOf("job", platform.jobs.size), firmware, product, traits, nowMs);
  platform.jobs.set(job.id, job);
  for (const device of devices) assign(platform, job, device);
  if (traits.type === "VERIFY_FIRMWARE") {
    firmware.status = "verifying";
    firmware.modifiedMs = nowMs;
  }
  if (traits.selection === "DYNAMIC") platform.dynamicJobs.add(job);
  begin(platform, job, traits.scheduleMs ?? nowMs);
  return job;
}

/** Documented: how often a dynamic batch takes in the same device. */
const MOST_MATCHES = 10;

/** Offers a device that registered or reported its version to the dynamic batches. */
export function joinDynamicBatches(platform: Platform, device: number, event: "registered" | "reported"): void {
  const { tasks, devices, dynamicJobs } = platform;
  if (!devices.exists(device)) return;
  for (const job of dynamicJobs) {
    if (job.product !== devices.productOf(device)) continue;
    const own = [...tasks.ofDevice(device)].filter((task) => tasks.jobOf(task) === job);
    const fits = event === "reported" ? own.length < MOST_MATCHES : own.length === 0 && job.traits.dynamicMode !== 2;
    if (fits && !own.some((task) => UNFINISHED[tasks.stateOf(task)])) assign(platform, job, device);
  }
}

/**
 * Offers the device of a canceled task to the other dynamic batches, once its own is closed. Only
 * where older dynamic batches are configured to take over.
 */
export function offerToOtherDynamicJobs(platform: Platform, task: number): void {
  const { tasks, traits, dynamicJobs } = platform;
  const job = tasks.jobOf(task);
  if (!traits.olderDynamicJobTakesOver || job.traits.selection !== "DYNAMIC" || dynamicJobs.has(job)) return;
  if (tasks.stateOf(task) === "CANCELED") joinDynamicBatches(platform, tasks.deviceOf(task), "registered");
}

/** Whether a batch for this package and these versions leaves the device out. */
export function isOutside(platform: Platform, device: number, firmware: Firmware, srcVersions: readonly string[]) {
  const version = platform.devices.versionOf(device, firmware.moduleName);
  if (version === firmware.destVersion) return true;
  if (firmware.type === 1 && version !== firmware.srcVersion) return true;
  return srcVersions.length > 0 && !srcVersions.includes(version);
}

function assign(platform: Platform, job: Job, device: number): void {
  const { tasks } = platform;
  const { firmware, traits } = job;
  const nowMs = platform.now();
  if (isOutside(platform, device, firmware, traits.srcVersions)) return;
  const rivals = [...tasks.ofDevice(device)].filter((task) => {
    const otherModule = tasks.jobOf(task).firmware.moduleName !== firmware.moduleName;
    return UNFINISHED[tasks.stateOf(task)] && !(traits.multiModuleMode && otherModule);
  });
  const yielding = traits.overwriteMode === 2 && rivals.every((task) => tasks.stateOf(task) !== "IN_PROGRESS");
  if (rivals.length > 0 && !yielding) {
    tasks.add(job, device, "FAILED", nowMs, "the device has an unfinished task of another batch");
    return;
  }
  // The state in which the replaced task ends is a guess.
  for (const task of rivals) tasks.move(task, "CANCELED", nowMs, "replaced by a task of a later batch");
  tasks.add(job, device, traits.needConfirm ? "CONFIRM" : "QUEUED", nowMs);
}

function begin(platform: Platform, job: Job, atMs: number): void {
  const start = () => {
    if (job.status !== "PLANNED") return;
    job.start(platform.now());
    job.settle(platform.now());
  };
  if (atMs > platform.now()) platform.timeline.at(atMs, start);
  else start();
  const { scheduleFinishMs } = job.traits;
  if (scheduleFinishMs !== undefined) platform.timeline.at(scheduleFinishMs, () => finish(platform, job));
}

/** Ends a scheduled batch. A guess: tasks that have not begun are canceled, the others run on. */
function finish(platform: Platform, job: Job): void {
  const { tasks } = platform;
  for (let place = 0; place < job.tasks.size; place++) {
    const task = job.tasks.at(place);
    const state = tasks.stateOf(task);
    if (state !== "CONFIRM" && state !== "QUEUED") continue;
    tasks.move(task, "CANCELED", platform.now(), "the batch ended before the update began");
  }
}
