// Asks both operations that read devices for the idle device and a made-up one, to see what becomes
// of the made-up one. Of the answers, only the names are looked at: one of them holds secrets.
import { DETAILS_PLACE, readDeviceList, STATES_PLACE } from "../../upstream/device-list.js";
import { DEVICE_DETAILS, DEVICE_STATES } from "../../upstream/device-operations.js";
import type { Asker, Sighting } from "./asker.js";
import { type Given, scopeOf } from "./trials.js";

export interface DeviceReadingSeen {
  readonly sighting: Sighting;
  /** Whether the made-up device was left out; undefined if the answer does not say. */
  readonly omits: boolean | undefined;
}

export interface DeviceReadingsSeen {
  readonly missingFromDetail: DeviceReadingSeen;
  readonly missingFromState: DeviceReadingSeen;
}

/** Undefined without an idle device. */
export async function readDevices(madeUp: string, given: Given, asker: Asker): Promise<DeviceReadingsSeen | undefined> {
  const { idleDevice } = given;
  if (idleDevice === undefined) return undefined;
  const names = [idleDevice, madeUp];
  const seenBy = async (shape: typeof DEVICE_DETAILS, place: typeof DETAILS_PLACE): Promise<DeviceReadingSeen> => {
    const { sighting, body } = await asker.ask(shape.of({ ...scopeOf(given), jobId: "" }, names));
    const found = readDeviceList(body, place, names);
    return { sighting, omits: found?.has(idleDevice) ? !found.has(madeUp) : undefined };
  };
  return {
    missingFromDetail: await seenBy(DEVICE_DETAILS, DETAILS_PLACE),
    missingFromState: await seenBy(DEVICE_STATES, STATES_PLACE),
  };
}
