// The batches in an answer of ListOTAJobByFirmware. Suspicious: what is not wholly understood is no list, for the
// probe goes on only if it shows that nothing runs.
import { jsonFieldsOf, readJsonFields } from "../../upstream/json-fields.js";

export interface ListedJob {
  readonly jobId: string;
  readonly status: string;
}

export interface JobList {
  readonly jobs: readonly ListedJob[];
  /** How many there are in all; undefined if the answer does not say. */
  readonly total: number | undefined;
}

/**
 * Undefined if the body has no such list. Letter case of names is ignored; an empty list may be left out of its frame.
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
