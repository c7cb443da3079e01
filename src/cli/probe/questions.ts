// Interprets the answers, question by question: which choice of the emulator behaves as the
// upstream did. Pure, and honest: where an answer could have another cause, there is no choice, but
// a note that says what would settle it.
import { QUESTIONS } from "../../emulator/open-questions.js";
import { knownMeaning } from "../../upstream/codes.js";
import type { Sighting, Throttle } from "./asker.js";
import type { CountedVerdict } from "./counted.js";
import type { DeviceReadingsSeen } from "./device-readings.js";
import type { SacrificeSeen } from "./sacrifice.js";
import type { TrialName } from "./trials.js";
import type { WindowVerdict } from "./window.js";

/** Everything that was observed. A question that was not asked is missing. */
export interface Evidence {
  readonly trials: Readonly<Partial<Record<TrialName, Sighting>>>;
  /** How listing the tasks of a device that does not exist is refused. */
  readonly refusedRead?: Sighting;
  readonly deviceReadings?: DeviceReadingsSeen | undefined;
  readonly sacrifice?: SacrificeSeen;
  readonly throttles: readonly Throttle[];
  /** `disturbed`: no burst could be interpreted. */
  readonly window?: WindowVerdict | "disturbed";
  readonly counted?: CountedVerdict | "disturbed";
  /** Whether an idle device was given to ask with. */
  readonly withIdleDevice: boolean;
}

export type QuestionName = keyof typeof QUESTIONS | "window";

export interface Interpretation {
  /** The choice for the emulator's flag; undefined if it is unclear, or if none fits. */
  readonly choice?: string;
  /** Why there is no choice, or what else there is to say. */
  readonly note?: string;
  /** The answer that it was read from. */
  readonly seen?: Sighting;
  /** The answer is clear, but the emulator has no such choice. */
  readonly unlisted?: true;
}

/** One reader for each open question; a new question does not compile without one. */
export const INTERPRETATIONS: Readonly<Record<QuestionName, (evidence: Evidence) => Interpretation>> = {
  unknownDevice: readUnknownDevice,
  duplicateNames: (evidence) => readBeside(evidence, "twice"),
  malformedName: readMalformedName,
  tooManyNames: readTooManyNames,
  unknownProduct: (evidence) => readBeside(evidence, "unknownProduct"),
  unknownFirmware: (evidence) => readBeside(evidence, "unknownFirmware"),
  foreignFirmware: (evidence) =>
    evidence.trials.foreignFirmware ? readBeside(evidence, "foreignFirmware") : needs("--foreign-firmware-id"),
  unknownJob: (evidence) => readBeside(evidence, "unknownJob"),
  nothingToCancel: readNothingToCancel,
  refusedCall: readRefusedCall,
  missingFromDetail: (evidence) => readMissing(evidence, "missingFromDetail"),
  missingFromState: (evidence) => readMissing(evidence, "missingFromState"),
  instanceError: readInstanceError,
  refusalStatus: readRefusalStatus,
  counted: ({ counted }) => (counted === undefined ? needs("--consent-to-throttling") : COUNTED_VERDICTS[counted]),
  throttleCode: (evidence) => readThrottle(evidence, "throttleCode", ({ code }) => code),
  throttleStatus: (evidence) => readThrottle(evidence, "throttleStatus", ({ status }) => String(status)),
  throttleHint: (evidence) => readThrottle(evidence, "throttleHint", ({ hint }) => hint),
  window: readWindow,
};

/** Whether a code says that a device of the list is at fault. */
function blamesDevice(code: string): boolean {
  const meaning = knownMeaning(code);
  return meaning?.kind === "rejected" && meaning.deviceFault;
}

function readUnknownDevice({ trials: { madeUp, idle } }: Evidence): Interpretation {
  if (!madeUp || madeUp.kind === "unanswered") return unanswered(madeUp);
  if (madeUp.kind === "accepted") return { choice: "ignore", seen: madeUp };
  if (blamesDevice(madeUp.code)) return { choice: "reject", seen: madeUp };
  if (!idle || idle.kind === "unanswered") {
    return { seen: madeUp, note: "the code does not name the cause; --idle-device would settle it" };
  }
  // Compares with how a device is treated that exists and has nothing to cancel.
  return { choice: same(madeUp, idle) ? "ignore" : "reject", seen: madeUp };
}

/** Compares a call that has one odd thing with the same call without it. */
function readBeside({ trials, withIdleDevice }: Evidence, name: TrialName): Interpretation {
  const odd = trials[name];
  const plain = withIdleDevice ? trials.idle : trials.madeUp;
  if (!odd || odd.kind === "unanswered") return unanswered(odd);
  if (odd.kind === "accepted") return { choice: "ignore", seen: odd };
  if (plain?.kind === "accepted") return { choice: "reject", seen: odd };
  // A refusal for a missing task is not about the odd thing, but about the rest of the call.
  if (/task/i.test(odd.code)) return { seen: odd, note: "refused for having nothing to cancel" };
  if (plain?.kind === "refused" && !same(odd, plain)) return { choice: "reject", seen: odd };
  const hope = withIdleDevice ? "" : "; --idle-device may settle it";
  return { seen: odd, note: `the device is refused with the same code either way${hope}` };
}

/**
 * A name that no device can have is ignored if it is treated like any other name without a device.
 */
function readMalformedName({ trials: { malformed, madeUp } }: Evidence): Interpretation {
  if (!malformed || malformed.kind === "unanswered") return unanswered(malformed);
  if (malformed.kind === "accepted" || same(malformed, madeUp)) return { choice: "ignore", seen: malformed };
  if (madeUp?.kind === "unanswered") return { seen: malformed, note: "unclear without the answer to a made-up device" };
  return { choice: "reject", seen: malformed };
}

function readTooManyNames({ trials: { tooMany, madeUp } }: Evidence): Interpretation {
  if (!tooMany || tooMany.kind === "unanswered") return unanswered(tooMany);
  if (tooMany.kind === "accepted")
    return { seen: tooMany, note: "201 names are accepted; the emulator has no such choice" };
  if (same(tooMany, madeUp)) return { seen: tooMany, note: "a single made-up device is refused with the same code" };
  return { choice: isOfService(tooMany.code) ? "service" : "gateway", seen: tooMany };
}

function readNothingToCancel({ trials: { idle }, sacrifice }: Evidence): Interpretation {
  if (!idle) return needs("--idle-device");
  if (idle.kind === "unanswered") return unanswered(idle);
  if (idle.kind === "accepted") return { choice: "ignore", seen: idle };
  const beside = sacrifice?.besideIdle;
  if (beside?.kind === "accepted") return { choice: "reject-all", seen: idle };
  if (same(idle, beside)) return { choice: "reject-any", seen: idle };
  return { seen: idle, note: "refused; --sacrificial-device may show whether other devices in the call are too" };
}

function readRefusedCall({ sacrifice }: Evidence): Interpretation {
  if (!sacrifice) return needs("--sacrificial-device");
  if (!sacrifice.afterRefusal) return { note: "no call with a task was refused" };
  return { choice: sacrifice.afterRefusal === "canceled" ? "cancels-rest" : "cancels-none" };
}

const OPERATIONS: Record<keyof DeviceReadingsSeen, string> = {
  missingFromDetail: "BatchQueryDeviceDetail",
  missingFromState: "BatchGetDeviceState",
};

export function isForbidden(code: string): boolean {
  const meaning = knownMeaning(code);
  return meaning?.kind === "rejected" && meaning.rejection === "forbidden";
}

function readMissing({ deviceReadings }: Evidence, name: keyof DeviceReadingsSeen): Interpretation {
  if (!deviceReadings) return needs("--idle-device");
  const { sighting, omits } = deviceReadings[name];
  if (sighting.kind === "unanswered") return unanswered(sighting);
  if (omits) return { choice: "omit", seen: sighting };
  if (sighting.kind === "refused" && blamesDevice(sighting.code)) return { choice: "reject", seen: sighting };
  if (sighting.kind === "refused" && isForbidden(sighting.code)) {
    return { seen: sighting, note: `the keys lack the permission iot:${OPERATIONS[name]}` };
  }
  if (sighting.kind === "refused") return { seen: sighting, note: "refused for another reason than the device" };
  return { seen: sighting, note: omits === false ? "a made-up device is listed" : "the list cannot be understood" };
}

function readInstanceError({ trials: { wrongInstance, idle, madeUp }, withIdleDevice }: Evidence): Interpretation {
  if (!wrongInstance || wrongInstance.kind === "unanswered") return unanswered(wrongInstance);
  if (wrongInstance.kind === "accepted" || same(wrongInstance, withIdleDevice ? idle : madeUp)) {
    return { seen: wrongInstance, note: "a made-up instance is ignored, as without --instance-id" };
  }
  return chosen("instanceError", wrongInstance.code, wrongInstance);
}

/**
 * Reads the service's own refusals of cancels. One refusal of a list distinguishes "by operation"
 * from "all alike".
 */
function readRefusalStatus({ trials, refusedRead }: Evidence): Interpretation {
  const refusals = Object.values(trials).filter((each) => each.kind === "refused" && isOfService(each.code));
  const statuses = new Set(refusals.map((each) => (each.kind === "unanswered" ? 0 : each.status)));
  const [status] = statuses;
  const [seen] = refusals;
  if (status === undefined || !seen) return { note: "the service refused nothing" };
  if (statuses.size > 1) return { note: `differs from refusal to refusal: ${[...statuses].join(", ")}` };
  const ofRead = refusedRead?.kind === "refused" && isOfService(refusedRead.code) ? refusedRead.status : undefined;
  if (status === 400 && (ofRead ?? 400) === 400) return { choice: "400", seen };
  if (status === 200 && ofRead === 200) return { choice: "200", seen };
  if (status === 200 && ofRead === 400) return { choice: "documented", seen };
  const note = ofRead === undefined ? "unknown for lists" : `${status} for cancels, ${ofRead} for lists`;
  return { seen, note };
}

function readThrottle(
  { throttles }: Evidence,
  name: "throttleCode" | "throttleStatus" | "throttleHint",
  of: (throttle: Throttle) => string,
): Interpretation {
  const values = new Set(throttles.map(of));
  const [value] = values;
  const [first] = throttles;
  if (value === undefined || !first) return needs("--consent-to-throttling");
  if (values.size > 1) return { note: `differs from refusal to refusal: ${[...values].join(", ")}` };
  return chosen(name, value, { kind: "refused", code: first.code, status: first.status });
}

function readWindow({ window }: Evidence): Interpretation {
  return window === undefined ? needs("--consent-to-throttling") : WINDOWS[window];
}

const DISTURBED = "the bursts were refused in part: another sender uses the account, or its quota is lower";

const COUNTED_VERDICTS: Readonly<Record<NonNullable<Evidence["counted"]>, Interpretation>> = {
  arrived: { choice: "arrived", note: "throttled calls are refused without work: set OTA_QUOTA_COUNTED=arrived" },
  answered: { choice: "answered", note: "throttled calls take as long as others: leave OTA_QUOTA_COUNTED=answered" },
  unclear: { note: "no throttled call, or too little work in a call to tell: leave OTA_QUOTA_COUNTED=answered" },
  "held-up": { note: "this machine was too busy to time the answers: ask again, on one that is less so" },
  disturbed: { note: DISTURBED },
};

const WINDOWS: Readonly<Record<NonNullable<Evidence["window"]>, Interpretation>> = {
  sliding: { choice: "sliding" },
  fixed: { choice: "fixed" },
  either: { note: "answers took too long to decide" },
  neither: { note: "neither sliding nor fixed: perhaps a bucket that fills steadily, or a higher quota" },
  disturbed: { note: DISTURBED },
};

/** The choice with this value, if there is one. */
function chosen(name: keyof typeof QUESTIONS, value: string, seen: Sighting): Interpretation {
  const choices: readonly string[] = QUESTIONS[name].choices;
  return choices.includes(value)
    ? { choice: value, seen }
    : { seen, unlisted: true, note: `the emulator has no choice ${value}` };
}

function needs(flag: string): Interpretation {
  return { note: `not asked; needs ${flag}` };
}

function unanswered(sighting: Sighting | undefined): Interpretation {
  return sighting?.kind === "unanswered" ? { seen: sighting, note: sighting.why } : { note: "not asked" };
}

function same(a: Sighting, b: Sighting | undefined): boolean {
  return a.kind === "refused" && b?.kind === "refused" && a.code === b.code;
}

/** Only codes of the service begin like this, not those of the POP gateway. */
function isOfService(code: string): boolean {
  return /^iot\./i.test(code);
}
