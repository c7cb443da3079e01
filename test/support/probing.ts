// Runs the probe against an emulator in this process, and shows what it finds and what became of
// every task.
import type { TestContext } from "vitest";
import { systemClock } from "../../src/base/clock.js";
import { findingsOf } from "../../src/cli/probe/report.js";
import { type Probe, type ProbeOptions, runProbe } from "../../src/cli/probe/run.js";
import type { Given } from "../../src/cli/probe/trials.js";
import { createWire, type Wire } from "../../src/cli/probe/wire.js";
import type { EmulatorOptions } from "../../src/emulator/options.js";
import { type Emulator, startEmulator } from "../../src/emulator/server.js";
import { seededName } from "../../src/emulator/state/seeded-name.js";
import { createCredentials } from "../../src/upstream/credentials.js";
import { KEYS } from "./processes.js";

export const IDLE = seededName(0);
export const GIVEN_UP = [seededName(1), seededName(2)] as const;

/** The least input: a product of the emulator's fleet, and one of its packages. */
export const LEAST_GIVEN: Given = {
  productKey: "a1Probed",
  firmwareId: "F0000000000000000000030100",
  instanceId: "",
  idleDevice: undefined,
  foreignFirmwareId: undefined,
  sacrificialDevices: [],
  throttlingQuota: undefined,
};

export interface Probing {
  readonly emulator: Emulator;
  readonly wire: Wire;
  /** A package of another product. */
  readonly foreignFirmwareId: string;
  /** Starts a batch of it. */
  startForeignBatch(): Promise<void>;
  run(given: Given, options?: Partial<Pick<ProbeOptions, "signal" | "progress" | "pauseMs">>): Promise<Probe>;
}

/**
 * The first of three devices is done. The others have a task if `running`, and otherwise are done
 * too.
 */
export async function startProbing(
  { onTestFinished }: TestContext,
  options: EmulatorOptions & { readonly running?: boolean; readonly secret?: string } = {},
): Promise<Probing> {
  const { running = false, secret = "testsecret", ...settings } = options;
  const { productKey, firmwareId } = LEAST_GIVEN;
  const taskState = (index: number) => (running && index > 0 ? "QUEUED" : "SUCCEEDED");
  const fleet = { devices: 3, productKey, firmwareId, taskState } as const;
  const emulator = await startEmulator({ listen: "127.0.0.1:0", quota: 1000, ...fleet, ...settings });
  const wireWith = (key: string) => {
    const env = { ...KEYS, ALIBABA_CLOUD_ACCESS_KEY_SECRET: key };
    const credentials = createCredentials({ clock: systemClock, env });
    const url = new URL(emulator.url);
    const names = [productKey, firmwareId, IDLE, ...GIVEN_UP];
    return createWire({ url, timeoutMs: 5_000, credentials, clock: systemClock, names });
  };
  const [wire, owner] = [wireWith(secret), wireWith("testsecret")];
  onTestFinished(async () => {
    await wire.close();
    await owner.close();
    await emulator.close();
  });
  const instance = settings.instanceId ? [["IotInstanceId", settings.instanceId] as const] : [];
  const create = async (action: string, field: RegExp, ...parameters: (readonly [string, string])[]) => {
    const reply = await owner.send({ action, parameters: [...parameters, ...instance] });
    return field.exec("body" in reply ? reply.body : "")?.[1] ?? "";
  };
  const other = await create("CreateProduct", /"ProductKey": ?"(\w+)"/, ["ProductName", "other"], ["NodeType", "0"]);
  const foreignFirmwareId = await create(
    "CreateOTAFirmware",
    /"FirmwareId": ?"(\w+)"/,
    ["FirmwareName", "other"],
    ["DestVersion", "9.9.9"],
    ["ProductKey", other],
    ["FirmwareUrl", "https://example.com/firmware.bin"],
    ["FirmwareSign", "0"],
    ["SignMethod", "MD5"],
    ["FirmwareSize", "1"],
    ["NeedToVerify", "false"],
  );
  return {
    emulator,
    wire,
    foreignFirmwareId,
    async startForeignBatch() {
      await create("RegisterDevice", /()/, ["ProductKey", other], ["DeviceName", "other-device"]);
      const batch = [["FirmwareId", foreignFirmwareId] as const, ["ProductKey", other] as const];
      await create("CreateOTAStaticUpgradeJob", /()/, ...batch, ["TargetSelection", "ALL"]);
    },
    run: (given, options) =>
      runProbe(given, {
        wire,
        clock: systemClock,
        signal: new AbortController().signal,
        progress: () => undefined,
        pauseMs: 0,
        ...options,
      }),
  };
}

/** The clear answers, as options of the emulator. */
export function choicesOf(probe: Probe): Readonly<Record<string, string>> {
  const told = findingsOf(probe).flatMap(({ question, choice }) => (choice === undefined ? [] : [[question, choice]]));
  return Object.fromEntries(told) as Record<string, string>;
}
