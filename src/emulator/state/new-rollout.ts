// Creates a rollout with devices of its own, for clients that stop rollouts: any kind of job, with
// tasks in any state, scheduled or running, and with devices that keep joining a dynamic one.
import type { Job, JobTraits } from "./job.js";
import type { Platform } from "./platform.js";
import type { Product } from "./product.js";
import { joinDynamicBatches, openBatch } from "./rollout.js";
import { SEEDED_TRAITS, seededFirmware, seededProduct } from "./seed.js";
import { seededName } from "./seeded-name.js";
import { TASK_STATES, type TaskState } from "./task-state.js";

export interface NewRollout {
  readonly productKey: string;
  readonly firmwareId: string;
  readonly jobId: string | undefined;
  readonly kind: "static" | "dynamic" | "verify";
  readonly devices: number;
  /** How many tasks begin in each state; the others begin as QUEUED. */
  readonly states: Readonly<Partial<Record<TaskState, number | undefined>>>;
  readonly startsInMs: number | undefined;
  readonly maximumPerMinute: number | undefined;
  readonly retryInterval: number | undefined;
  readonly retryCount: number | undefined;
  /** Devices that register each second while the job is open, and join it if it is dynamic. */
  readonly joinsPerSecond: number;
  /** The version of the devices. */
  readonly deviceVersion: string;
}

const JOIN_EVERY_MS = 1000;

export function openRollout(platform: Platform, rollout: NewRollout): Job {
  const product = seededProduct(platform, rollout.productKey);
  const firmware = seededFirmware(platform, rollout.firmwareId, product);
  const job = openBatch(platform, {
    ...(rollout.jobId !== undefined && { id: rollout.jobId }),
    firmware,
    product,
    traits: traitsOf(platform, rollout),
    devices: newDevices(platform, product, rollout.devices, rollout.deviceVersion),
  });
  spread(platform, job, rollout.states);
  if (rollout.joinsPerSecond > 0) join(platform, job, rollout.joinsPerSecond, rollout.deviceVersion);
  return job;
}

function traitsOf(platform: Platform, rollout: NewRollout): JobTraits {
  const { kind, startsInMs, maximumPerMinute, retryInterval, retryCount, deviceVersion } = rollout;
  return {
    ...SEEDED_TRAITS,
    type: kind === "verify" ? "VERIFY_FIRMWARE" : "UPGRADE_FIRMWARE",
    selection: kind === "dynamic" ? "DYNAMIC" : "STATIC",
    targetSelection: kind === "verify" ? "SPECIFIC" : "ALL",
    ...(kind === "dynamic" && { dynamicMode: 1 }),
    ...(startsInMs !== undefined && { scheduleMs: platform.now() + startsInMs }),
    ...(maximumPerMinute !== undefined && { maximumPerMinute }),
    // Otherwise there are no retries.
    ...(retryInterval !== undefined && { srcVersions: [deviceVersion] }),
    retryInterval,
    retryCount,
  };
}

/** Registers devices under the next free names. */
function* newDevices(platform: Platform, product: Product, count: number, version: string): Generator<number> {
  let index = product.rows.size;
  for (let made = 0; made < count; made++) {
    while (product.rowOfName.has(seededName(index))) index++;
    yield platform.devices.add(product, seededName(index++), version, platform.now());
  }
}

/** Moves the first tasks of the job into their states. */
function spread(platform: Platform, job: Job, states: NewRollout["states"]): void {
  const { tasks, devices } = platform;
  let place = 0;
  for (const state of TASK_STATES) {
    if (state === "QUEUED") continue;
    for (let left = states[state] ?? 0; left > 0 && place < job.tasks.size; left--) {
      const task = job.tasks.at(place++);
      tasks.move(task, state, platform.now());
      if (state === "SUCCEEDED") {
        devices.setVersion(tasks.deviceOf(task), job.firmware.moduleName, job.firmware.destVersion);
      }
      if (state === "NOTIFIED" || state === "IN_PROGRESS") platform.onUnderWay?.(task);
    }
  }
}

function join(platform: Platform, job: Job, perSecond: number, version: string): void {
  platform.timeline.at(platform.now() + JOIN_EVERY_MS, () => {
    const isOpen = job.traits.selection === "DYNAMIC" ? platform.dynamicJobs.has(job) : job.unfinished > 0;
    if (!isOpen) return;
    for (const device of newDevices(platform, job.product, perSecond, version)) {
      joinDynamicBatches(platform, device, "registered");
    }
    join(platform, job, perSecond, version);
  });
}
