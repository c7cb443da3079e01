// Everything that an emulator can be told, and what it does when it is not.
import { type Clock, systemClock } from "../clock.js";
import type { Faults } from "./faults.js";
import type { FleetSeed } from "./fleet.js";
import type { OpenQuestions } from "./open-questions.js";
import type { QuotaWindow } from "./quota.js";
import type { Random } from "./random.js";
import { SEEDED_NAME_LENGTH } from "./seeded-name.js";
import type { AccessKey } from "./signature-check.js";

export interface EmulatorSettings extends AccessKey, Required<FleetSeed>, OpenQuestions {
  /** `host:port`; port 0 takes a free one. */
  readonly listen: string;
  /** Admitted calls a second, for each operation on its own. */
  readonly quota: number;
  readonly window: QuotaWindow;
  readonly latencyMs: number;
  readonly jitterMs: number;
  readonly faults: Faults;
  readonly clock: Clock;
  readonly random: Random;
}

export type EmulatorOptions = Partial<EmulatorSettings>;

export const DEFAULTS: EmulatorSettings = {
  listen: "127.0.0.1:8088",
  accessKeyId: "testid",
  accessKeySecret: "testsecret",
  securityToken: "",
  quota: 10,
  window: "sliding",
  devices: 0,
  nameLength: SEEDED_NAME_LENGTH,
  productKey: "a1EmulatorPk",
  firmwareId: "EmulatedFirmware0000030100",
  jobId: "EmulatedUpgradeJob00000200",
  taskState: () => "QUEUED",
  unknownDevice: "reject",
  duplicateNames: "reject",
  latencyMs: 0,
  jitterMs: 0,
  faults: () => undefined,
  clock: systemClock,
  random: Math.random,
};
