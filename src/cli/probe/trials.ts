// The cancels that the probe sends, each with the one thing that is odd about it. None can cancel a task: each names
// only devices that do not exist, made up at random, or one that was read to have no unfinished task; and the
// package was read to have no running batch but what the user gave up (safety.ts).
import { randomInt } from "node:crypto";
import { CANCEL_BY_DEVICE, type Operation } from "../../upstream/operations.js";

/** What the user gave. */
export interface Given {
  readonly productKey: string;
  readonly firmwareId: string;
  /** Empty: none. */
  readonly instanceId: string;
  /** A device without unfinished tasks. */
  readonly idleDevice: string | undefined;
  /** A package of another product. */
  readonly foreignFirmwareId: string | undefined;
  /** Devices whose task may be cancelled. */
  readonly sacrificialDevices: readonly string[];
  /** Calls a second that the account is allowed, if it may be throttled to find out how. */
  readonly throttlingQuota: number | undefined;
}

/** What does not exist: so much chance is in each that it cannot. */
export interface MadeUp {
  readonly deviceNames: readonly [string, ...string[]];
  readonly productKey: string;
  readonly firmwareId: string;
  readonly jobId: string;
  readonly instanceId: string;
}

export function makeUp(): MadeUp {
  return {
    deviceNames: [deviceName(), ...Array.from({ length: 200 }, deviceName)],
    productKey: `a1${letters(9)}`,
    firmwareId: letters(26),
    jobId: letters(26),
    instanceId: `iot-${letters(12)}`,
  };
}

/** The longest that a name may be. */
function deviceName(): string {
  return `otaprobe${letters(24)}`;
}

const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

function letters(length: number): string {
  return Array.from({ length }, () => ALPHABET[randomInt(ALPHABET.length)]).join("");
}

interface Cancel {
  readonly names: readonly string[];
  readonly productKey?: string;
  readonly firmwareId?: string;
  readonly jobId?: string;
  readonly instanceId?: string;
}

export interface Trial {
  /** What is sent, for the user's eyes. */
  readonly words: string;
  /** Undefined: it cannot be asked with what was given. */
  readonly cancel: (given: Given, madeUp: MadeUp) => Cancel | undefined;
}

/** In the order in which they are sent; the first shows whether the calls are let in at all. */
export const TRIALS = {
  madeUp: {
    words: "one made-up device",
    cancel: (_, { deviceNames: [name] }) => ({ names: [name] }),
  },
  idle: {
    words: "the idle device",
    cancel: ({ idleDevice }) => (idleDevice === undefined ? undefined : { names: [idleDevice] }),
  },
  twice: {
    words: "one device twice",
    cancel: (given, madeUp) => ({ names: [quiet(given, madeUp), quiet(given, madeUp)] }),
  },
  malformed: {
    words: "a made-up name with a character that no name may have",
    cancel: (_, { deviceNames: [name] }) => ({ names: [`${name.slice(0, -1)}!`] }),
  },
  tooMany: {
    words: "201 made-up devices",
    cancel: (_, { deviceNames }) => ({ names: deviceNames }),
  },
  unknownProduct: {
    words: "a made-up product",
    cancel: (given, madeUp) => ({ names: [quiet(given, madeUp)], productKey: madeUp.productKey }),
  },
  unknownFirmware: {
    words: "a made-up package",
    cancel: (given, madeUp) => ({ names: [quiet(given, madeUp)], firmwareId: madeUp.firmwareId }),
  },
  foreignFirmware: {
    words: "the package of another product",
    cancel: (given, madeUp) =>
      given.foreignFirmwareId === undefined
        ? undefined
        : { names: [quiet(given, madeUp)], firmwareId: given.foreignFirmwareId },
  },
  unknownJob: {
    words: "a made-up batch",
    cancel: (given, madeUp) => ({ names: [quiet(given, madeUp)], jobId: madeUp.jobId }),
  },
  wrongInstance: {
    words: "a made-up instance",
    cancel: (given, madeUp) => ({ names: [quiet(given, madeUp)], instanceId: madeUp.instanceId }),
  },
} as const satisfies Record<string, Trial>;

export type TrialName = keyof typeof TRIALS;

/** The trials that can be asked with what was given. */
export function trialsFor(given: Given, madeUp: MadeUp): readonly { name: TrialName; trial: Trial; cancel: Cancel }[] {
  return Object.entries<Trial>(TRIALS).flatMap(([name, trial]) => {
    const cancel = trial.cancel(given, madeUp);
    return cancel ? [{ name: name as TrialName, trial, cancel }] : [];
  });
}

/** A device that has nothing to cancel: one that exists, if one was given, for what does not may be refused first. */
export function quiet({ idleDevice }: Given, { deviceNames: [name] }: MadeUp): string {
  return idleDevice ?? name;
}

/** The call; what the trial does not say is as the user gave it. */
export function cancelOperation(given: Given, cancel: Cancel): Operation {
  const { productKey, firmwareId, instanceId: iotInstanceId, jobId = "", names } = { ...given, ...cancel };
  return CANCEL_BY_DEVICE.of({ productKey, firmwareId, iotInstanceId, jobId }, names);
}

/** The scope of what was given; no batch in particular. */
export function scopeOf({ productKey, firmwareId, instanceId: iotInstanceId }: Given) {
  return { productKey, firmwareId, iotInstanceId, jobId: "" };
}
