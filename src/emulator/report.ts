// A report that a test sends in place of a device: the progress of its update, or the version that
// it runs now.
import { JsonObject } from "./checked-json.js";
import { reportProgress, reportVersion, taskUnderWay } from "./state/device-reports.js";
import { DEFAULT_MODULE } from "./state/firmware.js";
import type { Platform } from "./state/platform.js";
import type { TaskState } from "./state/task-state.js";

export interface DeviceReport {
  /** Defaults to the seeded product. */
  readonly productKey?: string | undefined;
  readonly deviceName: string;
  readonly module?: string | undefined;
  /** Percent, or one of the documented kinds of failure: -1 to -4. */
  readonly progress?: number | undefined;
  /** The module's version once the device has restarted. */
  readonly version?: string | undefined;
}

/** Reads a report. Throws JsonMistakes with every mistake. */
export function readReport(json: unknown): DeviceReport {
  const body = new JsonObject(json, ["productKey", "deviceName", "module", "progress", "version"]);
  body.needs("deviceName");
  const report = {
    productKey: body.text("productKey"),
    deviceName: body.text("deviceName") ?? "",
    module: body.text("module"),
    progress: body.whole("progress", [-4, 100]),
    version: body.text("version"),
  };
  body.check();
  return report;
}

/**
 * Takes a report. Returns the state of the task that it concerned, or else of the newest; undefined
 * without such a device or task.
 */
export function takeReport(platform: Platform, productKey: string, report: DeviceReport): TaskState | undefined {
  platform.timeline.settle();
  const { deviceName, module = DEFAULT_MODULE, progress, version } = report;
  const device = platform.products.get(productKey)?.rowOfName.get(deviceName);
  if (device === undefined) return undefined;
  const task = taskUnderWay(platform, device, module);
  if (progress !== undefined && task !== undefined) reportProgress(platform, task, progress);
  if (version !== undefined) reportVersion(platform, device, version, module);
  return task === undefined ? platform.taskOf(productKey, deviceName) : platform.tasks.stateOf(task);
}
