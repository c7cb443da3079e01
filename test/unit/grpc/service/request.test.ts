import { describe, expect, it } from "vitest";
import { type Failure, GatewayError, type Violation } from "../../../../src/gateway/failures.js";
import { CancelTasksByDeviceRequest, Priority } from "../../../../src/gen/ota/v1/ota_service.js";
import { commandOf } from "../../../../src/grpc/service/request.js";

const LIMITS = { maxDevices: 10, accounts: new Set(["default", "second"]) };

type Fields = Partial<CancelTasksByDeviceRequest>;

function command(fields: Fields = {}) {
  const valid = { productKey: "a1EmulatorPk", firmwareId: "firmware", deviceNames: ["dev-1", "dev-2"] };
  return commandOf(CancelTasksByDeviceRequest.fromPartial({ ...valid, ...fields }), "service-a", 1234, LIMITS);
}

function failureOf(fields: Fields): Partial<Failure & { kind: "invalid" }> & { violations: readonly Violation[] } {
  try {
    command(fields);
  } catch (error) {
    const { failure } = error as GatewayError;
    if (error instanceof GatewayError && failure.kind === "invalid") return failure;
    throw error;
  }
  return { violations: [] };
}

const violations = (fields: Fields) => failureOf(fields).violations;

const fieldsOf = (fields: Fields) => violations(fields).map(({ field }) => field);

describe("commandOf", () => {
  it("takes over what a request says, and what the context knows", () => {
    expect(
      command({
        jobId: "job",
        iotInstanceId: "iot-1",
        account: "second",
        priority: Priority.URGENT,
        requireAll: true,
        verify: true,
      }),
    ).toEqual({
      account: "second",
      scope: { productKey: "a1EmulatorPk", firmwareId: "firmware", jobId: "job", iotInstanceId: "iot-1" },
      deviceNames: ["dev-1", "dev-2"],
      caller: "service-a",
      priority: "urgent",
      answerByMs: 1234,
      requireAll: true,
      verify: true,
    });
  });

  it("has a default for everything that may be left out", () => {
    expect(command()).toMatchObject({ account: "default", priority: "normal", requireAll: false, verify: false });
  });

  it("takes check_devices only for a request that sends nothing", () => {
    expect(violations({ checkDevices: true, validateOnly: true })).toEqual([]);
    expect(violations({ checkDevices: true })).toEqual([
      { field: "check_devices", description: "requires validate_only" },
    ]);
  });

  it("lists everything that is wrong, the names last", () => {
    const everything: Fields = {
      productKey: "",
      firmwareId: "two words",
      deviceNames: ["dev-1", "abc", "dev-1"],
      jobId: "x".repeat(65),
      iotInstanceId: "ü",
      account: "third",
      priority: 7 as Priority,
      reason: "r".repeat(257),
    };
    expect(violations(everything)).toEqual([
      { field: "product_key", description: "is required" },
      { field: "firmware_id", description: "must be 1-64 printable ASCII characters, has U+0020 at 4" },
      { field: "job_id", description: "must be 1-64 printable ASCII characters, has 65" },
      { field: "iot_instance_id", description: "must be 1-64 printable ASCII characters, has U+00FC at 1" },
      { field: "account", description: "is not configured" },
      { field: "priority", description: "is not known" },
      { field: "reason", description: "must be up to 256 visible characters, has 257" },
      { field: "device_names[1]", description: "must be 4-32 of A-Za-z0-9-_@.:, has 3" },
      { field: "device_names[2]", description: "repeats device_names[0]" },
    ]);
  });

  it("wants 1 to the configured number of devices", () => {
    const names = Array.from({ length: 11 }, (_, n) => `dev-${n}`);
    expect(violations({ deviceNames: [] })).toEqual([{ field: "device_names", description: "is required" }]);
    expect(violations({ deviceNames: names.slice(0, 10) })).toEqual([]);
    expect(violations({ deviceNames: names })).toEqual([
      { field: "device_names", description: "has 11 names, at most 10 are allowed" },
    ]);
  });

  it("looks at each name although there are too many (was: only their number was told)", () => {
    const names = Array.from({ length: 12 }, (_, n) => `dev-${n}`);
    expect(violations({ deviceNames: [...names, "x", "dev-3"] })).toEqual([
      { field: "device_names", description: "has 14 names, at most 10 are allowed" },
      { field: "device_names[12]", description: "must be 4-32 of A-Za-z0-9-_@.:, has 1" },
      { field: "device_names[13]", description: "repeats device_names[3]" },
    ]);
  });

  it("lists the first fifty of what is wrong, and counts the rest (was: bad names hid every other mistake)", () => {
    const told = failureOf({ deviceNames: Array<string>(20_000).fill("x"), account: "third" });
    expect(told.violations).toHaveLength(50);
    expect(told.violations[0]?.field).toBe("account");
    expect(told.violations.at(-1)?.field).toBe("device_names[47]");
    expect(told.unlisted).toBe(20_002 - 50);
    expect(failureOf({ deviceNames: ["x"] })).toMatchObject({
      violations: [{ field: "device_names[0]" }],
      unlisted: 0,
    });
  });

  it.each(["abcd", "a".repeat(32), "A-z_0@9.:", "----"])("takes the device name %s", (name) => {
    expect(fieldsOf({ deviceNames: [name] })).toEqual([]);
  });

  it.each(["", "abc", "a".repeat(33), "with space", "käse1", "tab\tbed", "new\nline", "dev-1\n", "a/b/c", "名字名字"])(
    "does not take the device name %j",
    (name) => {
      expect(fieldsOf({ deviceNames: ["good-name", name] })).toEqual(["device_names[1]"]);
    },
  );

  it("points from every repetition to the first, and finds ill-formed repetitions ill-formed", () => {
    expect(violations({ deviceNames: ["dev-1", "dev-2", "dev-1", "dev-1", "x", "x"] })).toEqual([
      { field: "device_names[2]", description: "repeats device_names[0]" },
      { field: "device_names[3]", description: "repeats device_names[0]" },
      { field: "device_names[4]", description: "must be 4-32 of A-Za-z0-9-_@.:, has 1" },
      { field: "device_names[5]", description: "must be 4-32 of A-Za-z0-9-_@.:, has 1" },
    ]);
  });

  it("does not say the names themselves in any violation", () => {
    const told = JSON.stringify(violations({ deviceNames: ["some thing", "some-one", "some-one"] }));
    expect(told).not.toContain("some");
  });

  it.each([
    ["product_key", "productKey"],
    ["firmware_id", "firmwareId"],
    ["job_id", "jobId"],
    ["iot_instance_id", "iotInstanceId"],
  ] as const)("takes 64 printable characters for %s, and no control characters or line breaks", (field, key) => {
    expect(fieldsOf({ [key]: "~".repeat(64) })).toEqual([]);
    for (const bad of ["~".repeat(65), "a b", "a\u0000b", "a\nb", "ab\n", "a\u007fb"]) {
      expect(fieldsOf({ [key]: bad })).toEqual([field]);
    }
  });

  it("takes a reason in any language, and no control characters", () => {
    expect(fieldsOf({ reason: "召回 bad firmware: battery > 60 °C" })).toEqual([]);
    expect(fieldsOf({ reason: "r".repeat(256) })).toEqual([]);
    for (const bad of ["a\nb", "a\u0000", "\u001b[31m", "a\u2028b", "a\u0085b"]) {
      expect(fieldsOf({ reason: bad })).toEqual(["reason"]);
    }
  });

  it.each([
    ["reorders the line", "a\u202egnp.exe", "U+202E at 2"],
    ["isolates", "a\u2066b", "U+2066 at 2"],
    ["takes no room", "bad\u200b", "U+200B at 4"],
    ["joins its neighbours", "👩\u200d👧", "U+200D at 3"],
    ["marks the byte order", "\ufeffa", "U+FEFF at 1"],
    ["is a control of the upper half", "a\u009b31m", "U+009B at 2"],
    ["is a tag beyond the basic plane", "a\u{e0041}", "U+E0041 at 2"],
    ["is half a pair", "a\ud800", "U+D800 at 2"],
    ["was no UTF-8", "a\ufffd", "U+FFFD at 2"],
  ])("takes no reason with a character that %s, and says which one", (_, reason, found) => {
    const description = `must be up to 256 visible characters, has ${found}`;
    expect(violations({ reason })).toEqual([{ field: "reason", description }]);
  });

  it.each([
    ["a right-to-left override", "dev\u202e-1", "has U+202E at 4"],
    ["a zero-width joiner", "dev\u200d-1", "has U+200D at 4"],
    ["bytes that are no UTF-8", "dev-\ufffd", "has U+FFFD at 5"],
    ["a letter of another alphabet that looks like ours", "d\u0435v-1", "has U+0435 at 2"],
    ["a terminal's command", "dev\u001b[2J", "has U+001B at 4"],
    ["ten million characters", "d".repeat(10_000_000), "has 10000000"],
  ])("says where a name has %s, in visible characters and without the name", (_, name, found) => {
    const description = `must be 4-32 of A-Za-z0-9-_@.:, ${found}`;
    expect(violations({ deviceNames: [name] })).toEqual([{ field: "device_names[0]", description }]);
  });

  it("tells an account's name that cannot be one from one that is not configured", () => {
    expect(violations({ account: "third" })).toEqual([{ field: "account", description: "is not configured" }]);
    expect(violations({ account: "default\u200b" })).toEqual([
      { field: "account", description: "must be 1-63 of A-Za-z0-9_.-, has U+200B at 8" },
    ]);
  });

  it.each([
    [Priority.UNSPECIFIED, "normal"],
    [Priority.BULK, "bulk"],
    [Priority.NORMAL, "normal"],
    [Priority.URGENT, "urgent"],
  ] as const)("takes priority %d for %s", (wire, priority) => {
    expect(command({ priority: wire }).priority).toBe(priority);
  });
});
