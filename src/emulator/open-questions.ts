// Lists what the vendor's documentation leaves open and a client may depend on without knowing.
// Each question is a switch. Its default is a guess: what sibling operations do, or else what is
// hardest on the client.

interface Question {
  /** The first is the default. */
  readonly choices: readonly string[];
  readonly meaning: string;
}

export const QUESTIONS = {
  unknownDevice: {
    choices: ["reject", "ignore"],
    meaning: "a cancel that lists a device that does not exist",
  },
  duplicateNames: {
    choices: ["reject", "ignore"],
    meaning: "a cancel that lists a device twice",
  },
  malformedName: {
    choices: ["reject", "ignore"],
    meaning: "a name that no device can have; with ignore, it counts as a device that does not exist",
  },
  tooManyNames: {
    choices: ["service", "gateway"],
    meaning: "which side refuses more than 200 names, with its code",
  },
  unknownProduct: {
    choices: ["reject", "ignore"],
    meaning: "a cancel for a product that does not exist; with ignore, nothing is canceled",
  },
  unknownFirmware: {
    choices: ["reject", "ignore"],
    meaning: "a cancel for a firmware that does not exist",
  },
  foreignFirmware: {
    choices: ["reject", "ignore"],
    meaning: "a cancel for a firmware of another product",
  },
  unknownJob: {
    choices: ["reject", "ignore"],
    meaning: "a cancel for a job that does not exist",
  },
  nothingToCancel: {
    choices: ["ignore", "reject-any", "reject-all"],
    meaning: "devices without a task to cancel: accept, refuse if any, or refuse if all",
  },
  refusedCall: {
    choices: ["cancels-none", "cancels-rest"],
    meaning: "what a cancel does if it is refused for some of its devices",
  },
  missingFromDetail: {
    choices: ["omit", "reject"],
    meaning: "devices that do not exist in the list of a BatchQueryDeviceDetail; to omit them is documented",
  },
  missingFromState: {
    choices: ["omit", "reject"],
    meaning: "devices that do not exist in the list of a BatchGetDeviceState",
  },
  instanceError: {
    choices: ["iot.system.InstanceNotFound", "iot.Sre.IotInstanceNotFound", "iot.ota.InstanceIdMisMatch"],
    meaning: "the code for a missing or wrong IotInstanceId",
  },
  refusalStatus: {
    choices: ["documented", "200", "400"],
    meaning: "the HTTP status of the service's refusals: as documented by operation, or one for all",
  },
  counted: {
    choices: ["arrived", "answered"],
    meaning: "whether the quota counts a call when it arrives, or when it is answered",
  },
  throttleCode: {
    choices: ["Throttling.User", "Throttling", "Throttling.Api"],
    meaning: "the error code of calls beyond the quota",
  },
  throttleStatus: {
    choices: ["400", "429"],
    meaning: "the HTTP status of calls beyond the quota",
  },
  throttleHint: {
    choices: ["x-acs-retry-after", "x-ratelimit-user-api", "none"],
    meaning: "the header that says when to retry after such a call",
  },
} as const satisfies Record<string, Question>;

/** The questions about operations on whole jobs. `probe jobs` asks them of jobs given up for it. */
export const JOB_QUESTIONS = {
  emptiedJob: {
    choices: ["CANCELED", "COMPLETED", "unchanged"],
    meaning: "the status of a static job that a CancelOTATaskByJob has left without unfinished tasks",
  },
  strategyOfStatic: {
    choices: ["reject", "ignore"],
    meaning: "a CancelOTAStrategyByJob for a job that is not dynamic",
  },
  strategyOfClosed: {
    choices: ["reject", "ignore"],
    meaning: "a second CancelOTAStrategyByJob for the same job",
  },
  missingFlags: {
    choices: ["MissingCancelQueuedTask", "iot.system.IllegalRequest"],
    meaning: "the code for a CancelOTATaskByJob that has none of its flags",
  },
  allFlagsFalse: {
    choices: ["ignore", "reject"],
    meaning: "a CancelOTATaskByJob whose flags are all false",
  },
  canceledJob: {
    choices: ["works", "reject"],
    meaning: "a CancelOTATaskByJob for a job that is CANCELED already",
  },
  verifyJob: {
    choices: ["works", "reject"],
    meaning: "a CancelOTATaskByJob for a job that verifies a package",
  },
  plannedTasks: {
    choices: ["scheduled-or-queued", "scheduled", "queued"],
    meaning: "which flag of a CancelOTATaskByJob reaches the tasks of a job that is still PLANNED",
  },
  scheduledFlag: {
    choices: ["planned-only", "whole-job"],
    meaning: "what CancelScheduledTask reaches once a scheduled job has started",
  },
  byJobApplied: {
    choices: ["whole", "in-portions"],
    meaning: "how a CancelOTATaskByJob is applied over the time of --by-job-delay-ms",
  },
  lateSuccess: {
    choices: ["stays-canceled", "becomes-succeeded"],
    meaning: "a CANCELED task whose device installs the package all the same",
  },
  olderDynamicJob: {
    choices: ["stays-out", "takes-over"],
    meaning: "another dynamic job that matches the devices of a dynamic job that was closed",
  },
} as const satisfies Record<string, Question>;

const ALL = { ...QUESTIONS, ...JOB_QUESTIONS };

/** Every question with its choices. */
export const ALL_QUESTIONS: Readonly<Record<string, Question>> = ALL;

export type OpenQuestions = {
  readonly [Name in keyof typeof ALL]: (typeof ALL)[Name]["choices"][number];
};

export const OPEN_DEFAULTS = Object.fromEntries(
  Object.entries(ALL).map(([name, { choices }]) => [name, choices[0]]),
) as OpenQuestions;
