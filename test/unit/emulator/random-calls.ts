// Calls at random, in any order, that are mostly right: for properties that must hold whatever is asked.
import fc from "fast-check";
import { OPERATIONS } from "../../../src/emulator/operations/registry.js";
import { ServiceError } from "../../../src/emulator/protocol/errors.js";
import { seededName } from "../../../src/emulator/state/seeded-name.js";
import { type Asked, newService, type TestService } from "./service.js";

const CALLS = Object.keys(OPERATIONS);

/** Holds `after` to be true after every call of any sequence, on a small fleet that updates by itself. */
export async function afterAnyCalls(
  after: (service: TestService, call: { action: string; fields: object; succeeded: boolean }) => void,
): Promise<void> {
  const step = fc.tuple(fc.nat(CALLS.length - 1), fc.infiniteStream(fc.nat(2 ** 30)));
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 20, maxLength: 60 }), async (steps) => {
      const service = newService({ devices: 12, simulate: true });
      for (const [which, stream] of steps) {
        const random = () => stream.next().value as number;
        const action = CALLS[which] as string;
        await service.clock.advance(random() % 90_000);
        after(service, { action, ...answerOf(service, action, askFor(action, service, random)) });
      }
    }),
    { numRuns: 250 },
  );
}

function answerOf({ call }: TestService, action: string, asked: Asked) {
  try {
    return { succeeded: true, fields: { RequestId: "R", Success: true, ...call(action, asked) } };
  } catch (thrown) {
    const { code, message, fields } = thrown as ServiceError;
    // The POP gateway's shape is not the operation's.
    if (!(thrown instanceof ServiceError)) return { succeeded: false, fields: {} };
    return {
      succeeded: false,
      fields: { RequestId: "R", Success: false, Code: code, ErrorMessage: message, ...fields },
    };
  }
}

/** Parameters that are mostly right: of things that there are, and sometimes of ones that there are not. */
function askFor(action: string, { platform }: TestService, random: () => number): Asked {
  const oneOf = <T>(choices: readonly T[]): T => choices[random() % choices.length] as T;
  const many = (make: () => string) => [...new Set(Array.from({ length: 1 + (random() % 3) }, make))];
  const deviceName = () => (random() % 9 ? seededName(random() % 12) : `device-x${random() % 5}`);
  const wanted = action === "ConfirmOTATask" ? "CONFIRM" : "CANCELED";
  // Rows beyond the last task have no state.
  const tasks = Object.values(platform.counts().tasks).reduce((sum, count) => sum + count, 0);
  const fitting = Array.from({ length: tasks }, (_, row) => row).filter(
    (row) => platform.tasks.stateOf(row) === wanted,
  );
  const task = () => platform.tasks.idOf(fitting.length > 0 && random() % 9 ? oneOf(fitting) : random() % 40);
  const all: Asked = {
    ProductKey: oneOf([...platform.products.keys()]),
    FirmwareId: oneOf([...platform.firmware.keys()]),
    JobId: oneOf([...platform.jobs.keys()]),
    DeviceName: action === "CancelOTATaskByDevice" || action.startsWith("Batch") ? many(deviceName) : deviceName(),
    NeedConfirm: random() % 2 === 0,
    TargetDeviceName: many(deviceName),
    TaskId: many(task),
    CurrentPage: 1 + (random() % 2),
    PageSize: 1 + (random() % 10),
    ProductName: "Light",
    NodeType: 0,
    FirmwareName: `firmware-${random() % 1000}`,
    DestVersion: oneOf(["1.1.0", "1.2.0"]),
    TargetSelection: oneOf(["ALL", "SPECIFIC", "GRAY"]),
    SrcVersion: action === "CreateOTAFirmware" ? "1.0.0" : ["1.0.0", "1.1.0"],
    CancelQueuedTask: random() % 2 === 0,
  };
  const sometimes: Asked = {
    NeedToVerify: random() % 2 === 0,
    GrayPercent: "33.33",
    OverwriteMode: 1 + (random() % 2),
    TimeoutInMinutes: 1,
    RetryInterval: 0, // below the timeout
    RetryCount: 1,
    DynamicMode: 1 + (random() % 2),
    ScheduleTime: platform.now() + 400_000,
    ScheduleFinishTime: platform.now() + 400_000 + 3_600_000,
    Tag: [{ Key: "k", Value: "v" }],
    MultiFiles: [{ Name: "a", Url: "b", Size: "3", FileMd5: "c" }],
    Udi: "{}",
    FirmwareUrl: "https://example.invalid/f.bin",
    FirmwareSize: 900,
    FirmwareDesc: "text",
    TaskStatus: oneOf(["QUEUED", "IN_PROGRESS"]),
    CancelScheduledTask: true,
    CancelInProgressTask: true,
    DeviceNames: many(deviceName),
    Nickname: "light",
    Description: "text",
    DataFormat: 1,
    DeviceNameList: [{ DeviceName: "light-1", DeviceNickname: "n" }],
  };
  const chosen = Object.entries(sometimes).filter(() => random() % 3 === 0);
  return { ...all, ...Object.fromEntries(chosen) };
}
