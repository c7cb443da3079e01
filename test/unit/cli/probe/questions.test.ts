import { describe, expect, it } from "vitest";
import type { Sighting } from "../../../../src/cli/probe/asker.js";
import { type Evidence, INTERPRETATIONS, type QuestionName } from "../../../../src/cli/probe/questions.js";

const accepted: Sighting = { kind: "accepted", status: 200 };
const refused = (code: string, status = 200): Sighting => ({ kind: "refused", status, code });
const silent: Sighting = { kind: "unanswered", why: "no answer (timeout)" };

const NO_DEVICE = refused("iot.device.NotExistedDevice");
const NO_TASK = refused("iot.ota.taskNotExist");

function read(question: QuestionName, evidence: Partial<Evidence>): string | undefined {
  return INTERPRETATIONS[question]({ trials: {}, throttles: [], withIdleDevice: false, ...evidence }).choice;
}

describe("INTERPRETATIONS", () => {
  it.each([
    ["a device's fault is one of the unknown device", { madeUp: NO_DEVICE }, "reject"],
    ["also if an idle device is refused so", { madeUp: NO_DEVICE, idle: NO_DEVICE }, "reject"],
    ["what an idle device is refused with is not for being unknown", { madeUp: NO_TASK, idle: NO_TASK }, "ignore"],
    ["a code that nobody knows may be for anything", { madeUp: refused("iot.new") }, undefined],
    ["unless an idle device is let in", { madeUp: refused("iot.new"), idle: accepted }, "reject"],
    ["no answer is no answer", { madeUp: silent }, undefined],
  ])("unknownDevice: %s", (_, trials, choice) => {
    expect(read("unknownDevice", { trials })).toBe(choice);
  });

  it.each([
    ["a refusal of what is let in otherwise", refused("iot.new"), accepted, "reject"],
    ["a refusal with another code", refused("iot.new"), NO_DEVICE, "reject"],
    ["the same refusal tells nothing", NO_DEVICE, NO_DEVICE, undefined],
    ["nor does a refusal beside no answer", refused("iot.new"), silent, undefined],
    ["nor one for having no task", NO_TASK, NO_DEVICE, undefined],
    ["a success is one, whatever else is refused", accepted, NO_DEVICE, "ignore"],
  ])("unknownJob, and all that is told beside a plain call: %s", (_, unknownJob, madeUp, choice) => {
    expect(read("unknownJob", { trials: { unknownJob, madeUp } })).toBe(choice);
    expect(read("unknownJob", { trials: { unknownJob, madeUp: accepted, idle: madeUp }, withIdleDevice: true })).toBe(
      choice,
    );
  });

  it.each([
    ["refused by the service", refused("iot.any"), "service"],
    ["refused in front of it", refused("InvalidParameter", 400), "gateway"],
    ["refused as one name is", NO_DEVICE, undefined],
    ["taken, for which there is no flag", accepted, undefined],
  ])("tooManyNames: %s", (_, tooMany, choice) => {
    expect(read("tooManyNames", { trials: { tooMany, madeUp: NO_DEVICE } })).toBe(choice);
  });

  it.each([
    ["left out", accepted, true, { choice: "omit", note: undefined }],
    ["refused as a device that does not exist", NO_DEVICE, undefined, { choice: "reject", note: undefined }],
    [
      "refused for the keys' sake",
      refused("NoPermission", 403),
      undefined,
      { choice: undefined, note: "the keys lack the permission iot:BatchGetDeviceState" },
    ],
    [
      "refused for a reason that nobody knows",
      refused("iot.new"),
      undefined,
      { choice: undefined, note: "refused for another reason than the device" },
    ],
  ])("missingFromState: a made-up device is %s", (_, sighting, omits, told) => {
    const seen = { sighting, omits };
    const deviceReadings = { missingFromDetail: seen, missingFromState: seen };
    const { choice, note } = INTERPRETATIONS.missingFromState({
      ...{ trials: {}, throttles: [], withIdleDevice: true },
      deviceReadings,
    });
    expect({ choice, note }).toEqual(told);
  });

  it("refusalStatus goes by the service's refusals of cancels, and one of a list", () => {
    const status = (ofCancel: Sighting, ofList?: Sighting) =>
      read("refusalStatus", { trials: { madeUp: ofCancel }, ...(ofList && { refusedRead: ofList }) });
    expect(status(refused("iot.a", 200), refused("iot.a", 400))).toBe("documented");
    expect(status(refused("iot.a", 200), refused("iot.a", 200))).toBe("200");
    expect(status(refused("iot.a", 400), refused("iot.a", 400))).toBe("400");
    expect(status(refused("iot.a", 400), refused("iot.a", 200))).toBeUndefined();
    expect(status(refused("iot.a", 200), accepted)).toBeUndefined();
    expect(status(refused("InvalidParameter", 400), refused("iot.a", 400))).toBeUndefined();
    const both = { madeUp: refused("iot.a", 200), twice: refused("iot.b", 400) };
    expect(read("refusalStatus", { trials: both })).toBeUndefined();
  });

  it("throttles are told only if they are alike, and the emulator has the choice", () => {
    const throttle = { code: "Throttling.User", status: 400, hint: "none" } as const;
    expect(read("throttleCode", { throttles: [throttle, throttle] })).toBe("Throttling.User");
    expect(read("throttleCode", { throttles: [throttle, { ...throttle, code: "Throttling" }] })).toBeUndefined();
    expect(read("throttleStatus", { throttles: [{ ...throttle, status: 503 }] })).toBeUndefined();
  });

  it("instanceError marks a code that the emulator has no choice for, and no other refusal", () => {
    const of = (wrongInstance: Sighting) =>
      INTERPRETATIONS.instanceError({
        trials: { wrongInstance, madeUp: NO_DEVICE },
        throttles: [],
        withIdleDevice: false,
      });
    expect(of(refused("iot.new"))).toMatchObject({ unlisted: true });
    expect(of(NO_DEVICE)).not.toHaveProperty("unlisted");
    expect(of(refused("iot.ota.InstanceIdMisMatch"))).toMatchObject({ choice: "iot.ota.InstanceIdMisMatch" });
  });
});
