// The operations without a wire: what a call asks, straight to what it answers.
import type { OpenQuestions } from "../../../src/emulator/open-questions.js";
import { operationOf } from "../../../src/emulator/operations/registry.js";
import { DEFAULTS, type EmulatorOptions } from "../../../src/emulator/options.js";
import type { AnswerFields } from "../../../src/emulator/protocol/answer.js";
import { seededRandom } from "../../../src/emulator/random.js";
import { type DeviceReport, takeReport } from "../../../src/emulator/report.js";
import { startPlatform } from "../../../src/emulator/state/start.js";
import { HandClock } from "../../support/hand-clock.js";

/** Lists become `Name.1`, `Name.2`, …, and lists of records `Name.1.Field`. */
export type Asked = Readonly<Record<string, string | number | boolean | readonly (string | Record<string, string>)[]>>;

export function newService(options: EmulatorOptions & Partial<OpenQuestions> = {}) {
  const clock = new HandClock();
  const settings = { ...DEFAULTS, clock, random: seededRandom(1), ...options };
  const platform = startPlatform(settings);
  const { deviceVersion, byJobDelayMs } = settings;
  const service = { platform, openQuestions: settings, deviceVersion, byJobDelayMs };

  function execute(action: string, asked: Asked = {}) {
    platform.timeline.settle();
    const operation = operationOf(action);
    if (!operation) throw new TypeError(`no operation ${action}`);
    return operation.execute(flat(asked), service);
  }

  return {
    clock,
    platform,
    settings,
    execute,
    call: (action: string, asked: Asked = {}): AnswerFields => execute(action, asked).fields ?? {},
    /** The code of the refusal; undefined if there is none. */
    codeOf(action: string, asked: Asked = {}): string | undefined {
      try {
        execute(action, asked);
        return undefined;
      } catch (error) {
        return (error as { code: string }).code;
      }
    },
    report: (of: DeviceReport) => takeReport(platform, of.productKey ?? settings.productKey, of),
    taskOf(deviceName: string, productKey: string = settings.productKey) {
      platform.timeline.settle();
      return platform.taskOf(productKey, deviceName);
    },
  };
}

export type TestService = ReturnType<typeof newService>;

/** A product with devices and a package that fits it. */
export function newFleet(service: TestService, devices: number) {
  const { ProductKey } = service.call("CreateProduct", { ProductName: "Light", NodeType: 0 }) as { ProductKey: string };
  const names = Array.from({ length: devices }, (_, index) => `light-${index}`);
  for (const DeviceName of names) service.call("RegisterDevice", { ProductKey, DeviceName });
  return { ProductKey, names, FirmwareId: newFirmware(service, { ProductKey, NeedToVerify: false }) };
}

let packages = 0;

export function newFirmware({ call }: TestService, more: Asked = {}): string {
  const name = `firmware_${packages++}`;
  const { Data } = call("CreateOTAFirmware", { FirmwareName: name, DestVersion: "1.1.0", ...more });
  return (Data as { FirmwareId: string }).FirmwareId;
}

export function newJob(
  { call }: TestService,
  fleet: { readonly ProductKey: string; readonly FirmwareId: string },
  more: Asked = {},
): string {
  const { ProductKey, FirmwareId } = fleet;
  const { Data } = call("CreateOTAStaticUpgradeJob", { ProductKey, FirmwareId, TargetSelection: "ALL", ...more });
  return (Data as { JobId: string }).JobId;
}

export interface Task {
  readonly TaskId: string;
  readonly TaskStatus: string;
  readonly TaskDesc?: string;
  readonly Progress: string;
  readonly DeviceName: string;
}

export function tasksOf({ call }: TestService, JobId: string, more: Asked = {}): Task[] {
  const { Data } = call("ListOTATaskByJob", { JobId, PageSize: 100, ...more });
  return (Data as unknown as { SimpleOTATaskInfo: Task[] }).SimpleOTATaskInfo;
}

function flat(asked: Asked): Map<string, string> {
  const pairs = Object.entries(asked).flatMap(([name, value]): [string, string][] => {
    if (typeof value !== "object") return [[name, String(value)]];
    return value.flatMap((element, index) =>
      typeof element === "string"
        ? [[`${name}.${index + 1}`, element] as [string, string]]
        : Object.entries(element).map(([field, text]): [string, string] => [`${name}.${index + 1}.${field}`, text]),
    );
  });
  return new Map(pairs);
}
