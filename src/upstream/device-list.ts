// The names of the devices in an answer's body, and nothing else of it: one of the two operations
// sends the devices' secrets along, which go no further than this file. Suspicious like
// task-list.ts, since a device that is missing in the list is said not to exist: what is not a
// whole list of asked devices is no list.
import { jsonFieldsOf, readJsonFields } from "./json-fields.js";

/** Where an operation puts its list: `{ [frame]: { [rows]: [ … ] } }`, in lower case. */
interface DeviceListPlace {
  readonly frame: string;
  readonly rows: string;
}

/** Of BatchQueryDeviceDetail. */
export const DETAILS_PLACE: DeviceListPlace = { frame: "data", rows: "data" };
/** Of BatchGetDeviceState. */
export const STATES_PLACE: DeviceListPlace = { frame: "devicestatuslist", rows: "devicestatus" };

/** Those of `asked` that are listed; undefined if the body is no list of them. */
export function readDeviceList(
  body: string,
  { frame, rows }: DeviceListPlace,
  asked: readonly string[],
): ReadonlySet<string> | undefined {
  const listed = jsonFieldsOf(readJsonFields(body)?.[frame])?.[rows];
  if (!Array.isArray(listed)) return undefined;
  const byName = new Map(asked.map((name) => [name, name]));
  const found = new Set<string>();
  for (const row of listed) {
    const name = jsonFieldsOf(row)?.["devicename"];
    // The caller's own text, not the answer's: that would keep the answer in memory.
    const own = typeof name === "string" ? byName.get(name) : undefined;
    if (own === undefined) return undefined;
    found.add(own);
  }
  return found;
}
