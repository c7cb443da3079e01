// Reads batches and tasks in answers. As suspicious as the gateway itself: an answer that is not
// fully understood is undefined, because the probe decides by it what may be canceled.
import { readJob, readJobPage } from "../../../upstream/job-answer.js";
import { type JsonFields, jsonFieldsOf, readJsonFields } from "../../../upstream/json-fields.js";
import { word } from "../../../upstream/redaction.js";
import { PAGE } from "./calls.js";

export type JobKind = "static" | "dynamic" | "verify";

interface ListedJob {
  readonly jobId: string;
  readonly status: string;
  readonly productKey: string;
  readonly firmwareId: string;
  /** Undefined: a kind that the probe does not know. */
  readonly kind: JobKind | undefined;
  /** In the upstream's format: later times sort after earlier ones. */
  readonly created: string;
}

export interface ProbedJob extends ListedJob {
  /** Whether it was created with a time to start at. */
  readonly scheduled: boolean;
  readonly destVersion: string;
}

export interface ListedJobs {
  readonly jobs: readonly ListedJob[];
  /** There is no further page. */
  readonly isWhole: boolean;
}

export interface ProbedTask {
  /** The id of the task, or the device's name if it has none. */
  readonly key: string;
  readonly deviceName: string;
  readonly jobId: string;
  readonly state: string;
  /** TaskDesc. */
  readonly text: string;
  readonly created: string;
}

export interface TaskPage {
  readonly tasks: readonly ProbedTask[];
  readonly total: number | undefined;
  readonly pageSize: number | undefined;
}

const UNFINISHED: readonly string[] = ["CONFIRM", "QUEUED", "NOTIFIED", "IN_PROGRESS"];
const IS_OVER: readonly string[] = ["SUCCEEDED", "FAILED", "CANCELED"];
export const EVERY_STATE: readonly string[] = [...UNFINISHED, ...IS_OVER];

/** Whether a task in this state can certainly be canceled. */
export function isUnfinished(state: string | undefined): boolean {
  return state !== undefined && UNFINISHED.includes(state);
}

/** An unknown state counts as one that can be canceled. */
export function isOpen({ state }: { readonly state: string }): boolean {
  return !IS_OVER.includes(state);
}

/** Reads the answer of QueryOTAJob. */
export function readProbedJob(body: string): ProbedJob | undefined {
  const answer = readJob(body);
  if (answer?.kind !== "job") return undefined;
  const fields = jsonFieldsOf(readJsonFields(body)?.["data"]);
  const scheduled = textOf(fields, "utcscheduletime") !== "";
  return { ...answer.job, scheduled, destVersion: textOf(fields, "destversion") };
}

/** Reads the answer of ListOTAJobByFirmware. */
export function readListedJobs(body: string): ListedJobs | undefined {
  const answer = readJobPage(body, 1, PAGE);
  return answer?.kind === "jobs" ? { jobs: answer.jobs, isWhole: answer.isLast } : undefined;
}

/** Reads the answer of either operation that lists tasks. */
export function readProbedTasks(body: string): TaskPage | undefined {
  const answer = readJsonFields(body);
  const tasks = rowsOf(answer, "simpleotataskinfo")?.map(taskOf);
  if (!tasks?.every((task) => task !== undefined)) return undefined;
  return { tasks, total: numberOf(answer, "total"), pageSize: numberOf(answer, "pagesize") };
}

/**
 * Reads the version of a device in the answer of BatchQueryDeviceDetail, and nothing else of it:
 * the answer holds the device's secret.
 */
export function readVersion(body: string, deviceName: string): string | undefined {
  const rows = jsonFieldsOf(readJsonFields(body)?.["data"])?.["data"];
  const row = Array.isArray(rows) ? rows.map(jsonFieldsOf).find((each) => each?.["devicename"] === deviceName) : {};
  return textOf(row, "firmwareversion") || undefined;
}

function taskOf(row: unknown): ProbedTask | undefined {
  const fields = jsonFieldsOf(row);
  const [deviceName, state] = [textOf(fields, "devicename"), stateOf(fields, "taskstatus")];
  if (deviceName === "" || state === "") return undefined;
  return {
    key: textOf(fields, "taskid") || deviceName,
    deviceName,
    jobId: textOf(fields, "jobid"),
    state,
    text: textOf(fields, "taskdesc"),
    created: textOf(fields, "utccreate"),
  };
}

/** The rows; none if the frame has no list, but undefined without a frame. */
function rowsOf(answer: JsonFields | undefined, name: string): readonly unknown[] | undefined {
  const frame = jsonFieldsOf(answer?.["data"]);
  const rows = frame?.[name] ?? (frame || numberOf(answer, "total") === 0 ? [] : undefined);
  return Array.isArray(rows) ? rows : undefined;
}

function textOf(fields: JsonFields | undefined, name: string): string {
  const value = fields?.[name];
  return typeof value === "string" || typeof value === "number" ? String(value) : "";
}

/** Reports show unexpected states as they are, cut to this length. */
const LONGEST_STATE = 32;

function stateOf(fields: JsonFields | undefined, name: string): string {
  return word(textOf(fields, name)).slice(0, LONGEST_STATE).toUpperCase();
}

function numberOf(fields: JsonFields | undefined, name: string): number | undefined {
  const text = textOf(fields, name);
  return /^\d+$/.test(text) ? Number(text) : undefined;
}
