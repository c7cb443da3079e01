// CancelOTATaskByDevice: moves the named devices' unfinished tasks of one firmware to CANCELED. The
// answer says nothing about single devices.
//
// No error code is documented for this operation. All refusals below are guesses, taken from
// sibling operations, and so is their order; most can be switched in open-questions.ts.
import { type ServiceCode, serviceError } from "../../protocol/errors.js";
import type { Platform } from "../../state/platform.js";
import { offerToOtherDynamicJobs } from "../../state/rollout.js";
import { UNFINISHED } from "../../state/task-state.js";
import { isForeign, NAME_PATTERN } from "../lookups.js";
import { ANY_METHOD, operation, type Service } from "../operation.js";
import { invalidParameter, list, required, text } from "../readers.js";

/** Documented. */
const MOST_NAMES = 200;

export const cancelOtaTaskByDevice = operation({
  callsPerSecond: 10,
  methods: ANY_METHOD,
  parameters: {
    ProductKey: required(text()),
    FirmwareId: required(text()),
    DeviceName: required(list(Number.POSITIVE_INFINITY)),
    JobId: text(),
  },
  carryOut(asked, service) {
    const { platform, openQuestions } = service;
    const names = new Set(asked.DeviceName);
    const matches = scopeOf(asked, service);
    checkNames(asked.DeviceName, names, service);
    const rowOfName = platform.products.get(asked.ProductKey)?.rowOfName;
    const cancels = [...names].flatMap((name) => {
      const device = rowOfName?.get(name);
      return device === undefined ? [] : cancelOf(platform, device, matches);
    });

    // With a product that does not exist and is ignored, nothing is said about its devices.
    const refusal = refusalOf(rowOfName ? names.size - cancels.length : 0, cancels, service);
    if (refusal === undefined || openQuestions.refusedCall === "cancels-rest") {
      for (const { unfinished, canceledBefore } of cancels) {
        platform.cancelForDevice(unfinished, canceledBefore);
        for (const task of unfinished) offerToOtherDynamicJobs(platform, task);
      }
    }
    if (refusal !== undefined) throw serviceError(refusal);
    return { devices: cancels.length };
  },
});

/** The tasks to cancel for one device. */
interface Cancel {
  readonly unfinished: readonly number[];
  readonly canceledBefore: boolean;
}

function cancelOf({ tasks }: Platform, device: number, matches: Matches): Cancel {
  const all = [...tasks.ofDevice(device)].filter(matches);
  return {
    unfinished: all.filter((task) => UNFINISHED[tasks.stateOf(task)]),
    canceledBefore: all.some((task) => tasks.stateOf(task) === "CANCELED"),
  };
}

/** Whether a task is one of those asked for. */
type Matches = (task: number) => boolean;

/** Reads the scope. Throws if it is refused. */
function scopeOf(
  asked: { readonly ProductKey: string; readonly FirmwareId: string; readonly JobId: string | undefined },
  { platform, openQuestions }: Service,
): Matches {
  const product = platform.products.get(asked.ProductKey);
  const firmware = platform.firmware.get(asked.FirmwareId);
  const job = asked.JobId === undefined ? undefined : platform.jobs.get(asked.JobId);
  const unknownJob = asked.JobId !== undefined && !job;
  if (!product) refuse("iot.prod.NotExistedProduct", openQuestions.unknownProduct);
  if (!firmware) refuse("iot.ota.FirmwareNotFound", openQuestions.unknownFirmware);
  if (product && firmware && isForeign(firmware, product)) {
    refuse("iot.ota.FirmwareAndProductKeyMismatch", openQuestions.foreignFirmware);
  }
  if (unknownJob) refuse("iot.ota.InvalidJobId", openQuestions.unknownJob);
  return (task) => {
    const of = platform.tasks.jobOf(task);
    return !unknownJob && of.firmware === firmware && (job === undefined || of === job);
  };
}

function checkNames(listed: readonly string[], names: ReadonlySet<string>, { openQuestions }: Service): void {
  if (listed.length > MOST_NAMES) {
    const byService = openQuestions.tooManyNames === "service";
    throw byService ? serviceError("iot.device.TooManyDeviceNamesPerRequest") : invalidParameter("DeviceName");
  }
  if (!listed.every((name) => NAME_PATTERN.test(name))) {
    refuse("iot.device.InvalidFormattedDeviceNameInNameArray", openQuestions.malformedName);
  }
  // "Must be unique" is documented. It is open how a list that is not is treated, and under which
  // code.
  if (names.size < listed.length) {
    refuse("iot.device.InvalidFormattedDeviceNameInNameArray", openQuestions.duplicateNames);
  }
}

/** Why the call is refused for some of its devices; undefined if it is not. */
function refusalOf(unknown: number, cancels: readonly Cancel[], { openQuestions }: Service): ServiceCode | undefined {
  if (unknown > 0 && openQuestions.unknownDevice === "reject") return "iot.device.NotExistedDevice";
  const idle = cancels.filter(({ unfinished }) => unfinished.length === 0).length;
  switch (openQuestions.nothingToCancel) {
    case "ignore":
      return undefined;
    case "reject-any":
      return idle > 0 ? "iot.ota.taskNotExist" : undefined;
    case "reject-all":
      return idle === cancels.length ? "iot.ota.taskNotExist" : undefined;
  }
}

function refuse(code: ServiceCode, treatment: "reject" | "ignore"): void {
  if (treatment === "reject") throw serviceError(code);
}
