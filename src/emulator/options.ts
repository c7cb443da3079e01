// All options of an emulator, with their defaults.
import { type Clock, systemClock } from "../base/clock.js";
import type { FaultPlan } from "./faults/fault-plan.js";
import type { Faults } from "./faults/faults.js";
import { OPEN_DEFAULTS, type OpenQuestions } from "./open-questions.js";
import type { AccessKey } from "./protocol/signature-check.js";
import type { QuotaWindow } from "./quota.js";
import type { Randomness } from "./random.js";
import type { RolloutSpec } from "./rollout-control.js";
import type { FleetSeed } from "./state/seed.js";
import { SEEDED_NAME_LENGTH } from "./state/seeded-name.js";

export interface EmulatorSettings extends AccessKey, Required<FleetSeed>, OpenQuestions, Randomness {
  /** `host:port`; port 0 picks a free one. */
  readonly listen: string;
  /** The instance id that every call must carry. If empty, any id in a call is ignored. */
  readonly instanceId: string;
  /** Calls a second of CancelOTATaskByDevice. Every other operation has its documented quota. */
  readonly quota: number;
  /** Calls a second of other operations, by action, in place of the documented ones. */
  readonly quotas: Readonly<Record<string, number>>;
  readonly window: QuotaWindow;
  /** How long after its arrival a CancelOTATaskByJob has been applied. */
  readonly byJobDelayMs: number;
  /** How far the lists of tasks lag behind. */
  readonly listLagMs: number;
  /** Rollouts to create at the start. */
  readonly rollout: readonly RolloutSpec[];
  readonly latencyMs: number;
  readonly jitterMs: number;
  /** How long a call is worked on, beside its travel time. */
  readonly processingMs: number;
  /** Chooses faults from within the process; takes precedence over the plan. */
  readonly faults: Faults;
  /** Faults in force from the start. Its times override the three options above. */
  readonly faultPlan: Partial<FaultPlan>;
  /** Whether devices update by themselves. */
  readonly simulate: boolean;
  /** Mean time of a simulated update. */
  readonly updateSeconds: number;
  /** Fraction of simulated updates that fail, 0 to 1. */
  readonly failureRate: number;
  readonly clock: Clock;
}

export type EmulatorOptions = Partial<EmulatorSettings>;

export const DEFAULTS: EmulatorSettings = {
  listen: "127.0.0.1:8088",
  accessKeyId: "testid",
  accessKeySecret: "testsecret",
  securityToken: "",
  instanceId: "",
  quota: 10,
  quotas: {},
  window: "sliding",
  devices: 0,
  nameLength: SEEDED_NAME_LENGTH,
  productKey: "a1EmulatorPk",
  firmwareId: "EmulatedFirmware0000030100",
  jobId: "EmulatedUpgradeJob00000200",
  deviceVersion: "1.0.0",
  taskState: () => "QUEUED",
  ...OPEN_DEFAULTS,
  byJobDelayMs: 0,
  listLagMs: 0,
  rollout: [],
  latencyMs: 0,
  jitterMs: 0,
  processingMs: 0,
  faults: () => undefined,
  faultPlan: {},
  simulate: false,
  updateSeconds: 60,
  failureRate: 0.02,
  clock: systemClock,
  seed: undefined,
  random: Math.random,
};
