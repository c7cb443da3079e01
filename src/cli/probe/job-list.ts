// Reads the batches in an answer of ListOTAJobByFirmware. Suspicious: an answer that is not fully
// understood is no list, because the probe goes on only if the list shows that nothing runs.
import { jsonFieldsOf, readJsonFields } from "../../upstream/json-fields.js";

export interface ListedJob {
  readonly jobId: string;
  readonly status: string;
}

export interface JobList {
  readonly jobs: readonly ListedJob[];
  /** Number of batches in all; undefined if the answer does not say. */
  readonly total: number | undefined;
}

/**
 * Undefined if the body has no such list. Ignores the letter case of names; an empty list may be
 * missing from its frame.
 */
export function readJobList(body: string): JobList | undefined {
  const answer = readJsonFields(body);
  const frame = jsonFieldsOf(answer?.["data"]);
  const rows = frame && (frame["simpleotajobinfo"] ?? []);
  if (!Array.isArray(rows)) return undefined;
  const jobs = rows.map(jobOf);
  if (!jobs.every((job) => job !== undefined)) return undefined;
  const total = answer?.["total"];
  return { jobs, total: typeof total === "number" ? total : undefined };
}

function jobOf(row: unknown): ListedJob | undefined {
  const fields = jsonFieldsOf(row);
  const [jobId, status] = [fields?.["jobid"], fields?.["jobstatus"]];
  return typeof jobId === "string" && typeof status === "string" ? { jobId, status } : undefined;
}
