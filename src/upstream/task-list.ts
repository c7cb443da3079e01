// Reads the tasks in an answer's body. As suspicious as answer.ts: a task without a name or a
// state, or an answer that does not say whether there are any, is no list, because a device missing
// from a list is reported as having no task.
import type { ListedTask, TaskList } from "../verification/task-reader.js";
import { jsonFieldsOf, readJsonFields, wholeNumberOf } from "./json-fields.js";
import { word } from "./redaction.js";

/**
 * Reads a task list; undefined if the body is not one. Ignores the letter case of names, like
 * fields.ts.
 */
export function readTaskList(body: string): TaskList | undefined {
  const answer = readJsonFields(body);
  const total = wholeNumberOf(answer?.["total"]);
  const rows = rowsOf(answer?.["data"], total);
  if (!rows) return undefined;
  const tasks = rows.map(taskOf);
  if (!tasks.every((task) => task !== undefined)) return undefined;
  return { tasks, whole: total === undefined || total <= tasks.length };
}

/**
 * The rows, or none if the answer says so: an empty list may be missing from its frame, but not the
 * frame.
 */
function rowsOf(data: unknown, total: number | undefined): readonly unknown[] | undefined {
  const frame = jsonFieldsOf(data);
  const rows = frame?.["simpleotataskinfo"] ?? (frame || total === 0 ? [] : undefined);
  return Array.isArray(rows) ? rows : undefined;
}

function taskOf(row: unknown): ListedTask | undefined {
  const fields = jsonFieldsOf(row);
  const text = (name: string) => {
    const value = fields?.[name];
    return typeof value === "string" || typeof value === "number" ? String(value) : "";
  };
  const [deviceName, state] = [text("devicename"), word(text("taskstatus")).slice(0, LONGEST_STATE).toUpperCase()];
  if (deviceName === "" || state === "") return undefined;
  const [productKey, firmwareId, created] = [text("productkey"), text("firmwareid"), text("utccreate")];
  return { deviceName, productKey, firmwareId, state, created };
}

/** Callers see unexpected states as they are, cut to this length. */
const LONGEST_STATE = 32;
