// Reads batches and pages of tasks in an answer's body. As suspicious as answer.ts: a row without
// an id or a state, or a list that does not say how long it is, is no answer, because a batch that
// is missing from a list is one that goes on, and a count of 0 ends a stop.
import type { BatchKind, JobAnswer, JobRow, TaskOfJob } from "../rollout/job-operator.js";
import { type JsonFields, jsonFieldsOf, readJsonFields, wholeNumberOf } from "./json-fields.js";
import { word } from "./redaction.js";

/** Unexpected words are shown as they are, cut to this length. */
const LONGEST_WORD = 64;

/** Reads page `page` of the batches of a package; undefined if the body is none. */
export function readJobPage(body: string, page: number, pageSize: number): JobAnswer | undefined {
  const answer = readJsonFields(body);
  const total = wholeNumberOf(answer?.["total"]);
  const isBeyond = total !== undefined && total <= (page - 1) * pageSize;
  const rows = rowsOf(answer?.["data"], "simpleotajobinfo", isBeyond);
  const jobs = rows?.map(jobOf);
  if (!jobs?.every((job) => job !== undefined) || total === undefined) return undefined;
  // The description of Total speaks of tasks, so it alone does not decide which page is the last.
  return { kind: "jobs", jobs, isLast: jobs.length === 0 || (jobs.length < pageSize && total <= page * pageSize) };
}

/** Reads one batch; undefined if the body is none. */
export function readJob(body: string): JobAnswer | undefined {
  const job = jobOf(readJsonFields(body)?.["data"]);
  return job && { kind: "job", job };
}

/** Reads a page of tasks; undefined if the body is none. */
export function readTaskPage(
  body: string,
  { withNames, states }: { readonly withNames: boolean; readonly states: readonly string[] },
): JobAnswer | undefined {
  const answer = readJsonFields(body);
  const total = wholeNumberOf(answer?.["total"]);
  const rows = rowsOf(answer?.["data"], "simpleotataskinfo", total === 0);
  const tasks = rows?.map((row) => taskOf(row, withNames, states));
  if (!tasks?.every((task) => task !== undefined) || total === undefined) return undefined;
  // Rows beyond the total, or none of several, contradict it.
  return tasks.length > total ? undefined : { kind: "tasks", total, tasks };
}

/** The rows, or none if the answer says so: an empty list may be missing. */
function rowsOf(data: unknown, name: string, isEmpty: boolean): readonly unknown[] | undefined {
  const rows = jsonFieldsOf(data)?.[name] ?? (isEmpty ? [] : undefined);
  return Array.isArray(rows) ? rows : undefined;
}

function jobOf(row: unknown): JobRow | undefined {
  const fields = jsonFieldsOf(row);
  const text = (name: string) => textOf(fields, name);
  const [jobId, status] = [text("jobid"), text("jobstatus").toUpperCase()];
  if (jobId === "" || status === "") return undefined;
  const kind = kindOf(text("jobtype"), text("selectiontype"));
  const [productKey, firmwareId, created] = [text("productkey"), text("firmwareid"), text("utccreate")];
  return { jobId, status, kind, productKey, firmwareId, created };
}

/** Some pages of the documentation spell the type of a verification VERFIY. */
function kindOf(type: string, selection: string): BatchKind | undefined {
  if (/^VER(IF|FI)Y_FIRMWARE$/i.test(type)) return "verify";
  if (!/^UPGRADE_FIRMWARE$/i.test(type)) return undefined;
  if (/^STATIC$/i.test(selection)) return "static";
  return /^DYNAMIC$/i.test(selection) ? "dynamic" : undefined;
}

function taskOf(row: unknown, withName: boolean, states: readonly string[]): TaskOfJob | undefined {
  const fields = jsonFieldsOf(row);
  const state = textOf(fields, "taskstatus").toUpperCase();
  const deviceName = withName ? textOf(fields, "devicename") : "";
  if (state === "" || (withName && deviceName === "")) return undefined;
  // Known states share one text: a page's own would keep the whole answer in memory.
  return { deviceName, state: states.find((each) => each === state) ?? state };
}

function textOf(fields: JsonFields | undefined, name: string): string {
  const value = fields?.[name];
  return typeof value === "string" || typeof value === "number" ? word(String(value)).slice(0, LONGEST_WORD) : "";
}
