// Defines the cancels that the probe sends, each with one odd thing about it. None can cancel a
// task: each names only random devices that do not exist, or one without unfinished tasks, and the
// package has no running batch except what the user sacrifices (safety.ts checks both).
import { randomInt } from "node:crypto";
import { CANCEL_BY_DEVICE, type Operation } from "../../upstream/device-operations.js";

/** The user's input. */
export interface Given {
  readonly productKey: string;
  readonly firmwareId: string;
  /** Empty for none. */
  readonly instanceId: string;
  /** A device without unfinished tasks. */
  readonly idleDevice: string | undefined;
  /** A package of another product. */
  readonly foreignFirmwareId: string | undefined;
  /** Devices whose task may be canceled. */
  readonly sacrificialDevices: readonly string[];
  /** The account's calls a second, if the user consents to throttling. */
  readonly throttlingQuota: number | undefined;
}

/** Things that do not exist: so random that they cannot. */
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

/** As long as a name may be. */
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
  /** Describes the call to the user. */
  readonly words: string;
  /** Undefined if the input does not allow the question. */
  readonly cancel: (given: Given, madeUp: MadeUp) => Cancel | undefined;
}

/** In the order of sending; the first shows whether calls are accepted at all. */
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

/** The trials that the input allows. */
export function trialsFor(given: Given, madeUp: MadeUp): readonly { name: TrialName; trial: Trial; cancel: Cancel }[] {
  return Object.entries<Trial>(TRIALS).flatMap(([name, trial]) => {
    const cancel = trial.cancel(given, madeUp);
    return cancel ? [{ name: name as TrialName, trial, cancel }] : [];
  });
}

/**
 * A device that has nothing to cancel. Prefers an existing one, because others may be refused for
 * not existing.
 */
export function quiet({ idleDevice }: Given, { deviceNames: [name] }: MadeUp): string {
  return idleDevice ?? name;
}

/** The call; values that the trial does not set are the user's. */
export function cancelOperation(given: Given, cancel: Cancel): Operation {
  const { productKey, firmwareId, instanceId: iotInstanceId, jobId = "", names } = { ...given, ...cancel };
  return CANCEL_BY_DEVICE.of({ productKey, firmwareId, iotInstanceId, jobId }, names);
}

/** The scope of the user's input, without a batch. */
export function scopeOf({ productKey, firmwareId, instanceId: iotInstanceId }: Given) {
  return { productKey, firmwareId, iotInstanceId, jobId: "" };
}
