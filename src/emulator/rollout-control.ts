// A request to create a rollout, as the control and the flag take it, and the true state of every
// job, whatever its lists show.
import { JsonObject } from "./checked-json.js";
import { isForeign } from "./operations/lookups.js";
import { type NewRollout, openRollout } from "./state/new-rollout.js";
import type { Platform } from "./state/platform.js";
import { TASK_STATES, type TaskState } from "./state/task-state.js";

/** Fields that are left out have the values of the seeded fleet. */
export type RolloutSpec = Partial<Omit<NewRollout, "deviceVersion">>;

/** The values of what a spec leaves out. */
export interface RolloutDefaults {
  readonly productKey: string;
  readonly firmwareId: string;
  readonly deviceVersion: string;
}

/** A job as it is. */
export interface JobReading {
  readonly jobId: string;
  readonly productKey: string;
  readonly firmwareId: string;
  readonly status: string;
  /** Whether it is a dynamic job that still takes devices. */
  readonly isOpenToDevices: boolean;
  readonly tasks: Readonly<Record<TaskState, number>>;
}

const MANY = 10_000_000;
const WEEK_MS = 7 * 86_400_000;
const FIELDS = [
  ...["productKey", "firmwareId", "jobId", "kind", "devices", "states", "startsInMs"],
  ...["maximumPerMinute", "retryInterval", "retryCount", "joinsPerSecond"],
];

/** Reads a spec. Throws JsonMistakes with every mistake. */
export function readRollout(json: unknown): RolloutSpec {
  const body = new JsonObject(json, FIELDS);
  const hasStates = typeof json === "object" && json !== null && "states" in json;
  const states = hasStates ? body.object("states", TASK_STATES) : undefined;
  const spec: RolloutSpec = {
    ...given("productKey", body.text("productKey")),
    ...given("firmwareId", body.text("firmwareId")),
    jobId: body.text("jobId"),
    kind: body.oneOf("kind", ["static", "dynamic", "verify"]) ?? "static",
    devices: body.whole("devices", [0, MANY]) ?? 0,
    states: Object.fromEntries(TASK_STATES.map((state) => [state, states?.whole(state, [0, MANY])])),
    startsInMs: body.whole("startsInMs", [1, WEEK_MS]),
    maximumPerMinute: body.whole("maximumPerMinute", [10, 10_000]),
    retryInterval: body.whole("retryInterval", [0, 1440]),
    retryCount: body.whole("retryCount", [1, 5]),
    joinsPerSecond: body.whole("joinsPerSecond", [0, 10_000]) ?? 0,
  };
  body.check();
  return spec;
}

/** Creates the rollout. Throws JsonMistakes if it does not fit what is there. */
export function createRollout(platform: Platform, spec: RolloutSpec, defaults: RolloutDefaults): JobReading {
  platform.timeline.settle();
  const { productKey, firmwareId, deviceVersion } = defaults;
  const rollout: NewRollout = {
    kind: "static",
    devices: 0,
    states: {},
    joinsPerSecond: 0,
    jobId: undefined,
    startsInMs: undefined,
    maximumPerMinute: undefined,
    retryInterval: undefined,
    retryCount: undefined,
    ...{ productKey, firmwareId, deviceVersion },
    ...spec,
  };
  check(platform, rollout);
  return readingOf(platform, openRollout(platform, rollout).id);
}

/** Every job, oldest first. */
export function jobReadings(platform: Platform): readonly JobReading[] {
  platform.timeline.settle();
  return [...platform.jobs.keys()].map((id) => readingOf(platform, id));
}

function check(platform: Platform, rollout: NewRollout): void {
  const { productKey, firmwareId, jobId, kind, devices, states, startsInMs } = rollout;
  const body = new JsonObject({}, []);
  const firmware = platform.firmware.get(firmwareId);
  const product = platform.products.get(productKey);
  if (firmware && (product ? isForeign(firmware, product) : firmware.productKey !== undefined)) {
    body.mistake("firmwareId", "is a package of another product");
  }
  if (jobId !== undefined && platform.jobs.has(jobId)) body.mistake("jobId", "exists already");
  const isTaken = [...platform.dynamicJobs].some((job) => job.firmware.id === firmwareId);
  const tasks = TASK_STATES.reduce((sum, state) => sum + (states[state] ?? 0), 0);
  if (tasks > devices) body.mistake("states", `${tasks} tasks, but ${devices} devices`);
  // Documented: no other kind of job is ever PLANNED.
  if (startsInMs !== undefined && kind !== "static") body.mistake("startsInMs", "is for static jobs only");
  if (kind === "dynamic" && isTaken) body.mistake("kind", "another dynamic job of this package is open");
  body.check();
}

function readingOf({ jobs, dynamicJobs }: Platform, id: string): JobReading {
  const job = jobs.get(id);
  if (!job) throw new Error("a job that was just opened is missing");
  return {
    jobId: id,
    productKey: job.product.key,
    firmwareId: job.firmware.id,
    status: job.status,
    isOpenToDevices: dynamicJobs.has(job),
    tasks: { ...job.counts },
  };
}

function given(name: string, value: string | undefined): RolloutSpec {
  return value === undefined ? {} : { [name]: value };
}
