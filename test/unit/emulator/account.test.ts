import { describe, expect, it } from "vitest";
import { EmulatedAccount } from "../../../src/emulator/account.js";
import { AccountStatistics } from "../../../src/emulator/account-statistics.js";
import type { CountedCall, Fault } from "../../../src/emulator/faults/faults.js";
import { DEFAULTS, type EmulatorOptions } from "../../../src/emulator/options.js";
import type { ReceivedRequest } from "../../../src/emulator/protocol/wire.js";
import { seededRandom } from "../../../src/emulator/random.js";
import { seededName } from "../../../src/emulator/state/seeded-name.js";
import { startPlatform } from "../../../src/emulator/state/start.js";
import { HandClock } from "../../support/hand-clock.js";
import { cancelParameters, signedV1, signedV3, type Unsigned } from "./signed-requests.js";

function newAccount(options: EmulatorOptions = {}) {
  const clock = new HandClock();
  const settings = { ...DEFAULTS, devices: 10, clock, random: seededRandom(1), ...options };
  const platform = startPlatform(settings);
  const statistics = new AccountStatistics(clock);
  const account = new EmulatedAccount(settings, platform, statistics, settings.faults);
  const take = (request: ReceivedRequest, arrivedMs = clock.now()) => account.receive(request, arrivedMs).ending;
  const receive = (more: Partial<Unsigned> = {}, arrivedMs = clock.now()) =>
    take(signedV3({ epochMs: clock.wallNow(), query: cancelParameters(seededName(0)), ...more }), arrivedMs);
  const taskOf = (index: number) => platform.taskOf(settings.productKey, seededName(index));
  return { clock, taskOf, statistics, take, receive };
}

describe("EmulatedAccount", () => {
  it("answers a cancel with Success and a RequestId", () => {
    const { receive, taskOf } = newAccount();
    expect(receive()).toEqual({
      kind: "answer",
      delayMs: 0,
      bodyMs: 0,
      answer: {
        status: 200,
        root: "CancelOTATaskByDeviceResponse",
        fields: { RequestId: expect.stringMatching(/^[0-9A-F-]{36}$/) as string, Success: true },
      },
    });
    expect(taskOf(0)).toBe("CANCELED");
  });

  it("refuses the eleventh call of a second in the POP gateway's shape, with a hint when to come again", async () => {
    const { receive, statistics, clock } = newAccount();
    for (let call = 0; call < 10; call++) receive();
    await clock.advance(250);
    expect(receive()).toMatchObject({
      answer: {
        status: 400,
        root: "Error",
        headers: { "x-acs-retry-after": "750" },
        fields: { Code: "Throttling.User", HostId: "127.0.0.1:8088", Message: expect.any(String) as string },
      },
    });
    expect(statistics.counts()).toMatchObject({
      arrivals: 11,
      admitted: 10,
      worstSecond: 11,
      refused: { "Throttling.User": 1 },
    });
  });

  it.each([
    {
      switched: { throttleCode: "Throttling.Api", throttleStatus: "429" },
      answer: { status: 429, fields: { Code: "Throttling.Api" }, headers: { "x-acs-retry-after": "1000" } },
    },
    {
      switched: { throttleHint: "x-ratelimit-user-api" },
      answer: { status: 400, headers: { "x-ratelimit-user-api": "Limit:1,Remain:0,TimeLeft:1000,Reset:1000" } },
    },
    { switched: { throttleHint: "none" }, answer: { status: 400, fields: { Code: "Throttling.User" } } },
  ] as const)("throttles as it is switched to: $switched", ({ switched, answer }) => {
    const { receive } = newAccount({ quota: 1, ...switched });
    receive();
    expect(receive()).toMatchObject({ answer });
  });

  it("has a quota for each operation, of which only that of CancelOTATaskByDevice is set", () => {
    const { receive, statistics } = newAccount({ quota: 1 });
    const query = { JobId: "EmulatedUpgradeJob00000200" };
    for (let call = 0; call < 11; call++) receive({ action: "QueryOTAJob", query });
    receive();
    expect(statistics.counts()).toMatchObject({
      arrivals: 1,
      refused: {},
      worstSecond: 1,
      operations: {
        QueryOTAJob: { arrivals: 11, refused: { "Throttling.User": 1 }, worstSecond: 11 },
        CancelOTATaskByDevice: { arrivals: 1, refused: {}, worstSecond: 1 },
      },
    });
  });

  it("wants every call to carry the instance id, if there is one", () => {
    const { receive } = newAccount({ instanceId: "iot-abc" });
    const refused = (code: string) => ({ answer: { status: 200, fields: { Success: false, Code: code } } });
    const query = cancelParameters(seededName(0));
    expect(receive({ query })).toMatchObject(refused("iot.system.InstanceNotFound"));
    expect(receive({ query: { ...query, IotInstanceId: "iot-xyz" } })).toMatchObject(
      refused("iot.system.InstanceNotFound"),
    );
    expect(receive({ query: { ...query, IotInstanceId: "iot-abc" } })).toMatchObject({
      answer: { fields: { Success: true } },
    });
    const other = newAccount({ instanceId: "iot-abc", instanceError: "iot.ota.InstanceIdMisMatch" });
    expect(other.receive({ query })).toMatchObject(refused("iot.ota.InstanceIdMisMatch"));
  });

  it("passes an instance id over, if it has none", () => {
    const query = { ...cancelParameters(seededName(0)), IotInstanceId: "iot-abc" };
    expect(newAccount().receive({ query })).toMatchObject({ answer: { fields: { Success: true } } });
  });

  it.each([
    { refusalStatus: "documented", cancel: 200, unfinished: 400 },
    { refusalStatus: "200", cancel: 200, unfinished: 200 },
    { refusalStatus: "400", cancel: 400, unfinished: 400 },
  ] as const)("refuses under $cancel or $unfinished with refusalStatus $refusalStatus", (expected) => {
    const { receive } = newAccount({ refusalStatus: expected.refusalStatus });
    expect(receive({ query: cancelParameters("nobody") })).toMatchObject({ answer: { status: expected.cancel } });
    const query = { ProductKey: "other", DeviceName: "nobody" };
    const answer = receive({ action: "ListOTAUnfinishedTaskByDevice", query });
    expect(answer).toMatchObject({
      answer: { status: expected.unfinished, fields: { Code: "iot.prod.NotExistedProduct" } },
    });
  });

  it("takes ConfirmOTATask by POST only, as documented", () => {
    const { receive } = newAccount();
    const refused = receive({ action: "ConfirmOTATask", method: "GET", query: { "TaskId.1": "any" } });
    expect(refused).toMatchObject({ answer: { fields: { Code: "UnsupportedHTTPMethod" } } });
  });

  it("lets happen what is due before it carries a call out", async () => {
    const { receive, clock } = newAccount({ simulate: true, failureRate: 0, updateSeconds: 1 });
    await clock.advance(5_000);
    const query = { JobId: "EmulatedUpgradeJob00000200", TaskStatus: "SUCCEEDED" };
    expect(receive({ action: "ListOTATaskByJob", query })).toMatchObject({ answer: { fields: { Total: 10 } } });
  });

  it("does not carry out what it throttles", () => {
    const { receive, taskOf } = newAccount({ quota: 1 });
    receive();
    receive({ query: cancelParameters(seededName(1)) });
    expect(taskOf(1)).toBe("QUEUED");
  });

  it("counts a call whose body came late no earlier than the one before it", () => {
    const { receive, statistics } = newAccount();
    receive({}, 2000);
    receive({}, 1500);
    expect(statistics.counts()).toMatchObject({ arrivals: 2, spanMs: 0, worstSecond: 2 });
  });

  it("does not count a call with a wrong signature", () => {
    const { receive, statistics } = newAccount();
    expect(receive({ accessKeySecret: "guess" })).toMatchObject({
      answer: { fields: { Code: "SignatureDoesNotMatch" } },
    });
    expect(statistics.counts()).toMatchObject({ arrivals: 0, refused: { SignatureDoesNotMatch: 1 } });
  });

  it.each(["ListThings", "constructor"])("refuses the unknown action %s as the POP gateway does", (action) => {
    const { receive, statistics } = newAccount();
    expect(receive({ action })).toMatchObject({ answer: { status: 404, fields: { Code: "InvalidApi.NotFound" } } });
    expect(statistics.counts().arrivals).toBe(0);
  });

  it("refuses other methods, paths and versions as the POP gateway does", () => {
    const { take, clock } = newAccount();
    const request = signedV1({ epochMs: clock.wallNow() });
    expect(take({ ...request, method: "PUT" })).toMatchObject({
      answer: { fields: { Code: "UnsupportedHTTPMethod" } },
    });
    expect(take({ ...request, path: "/v2" })).toMatchObject({
      answer: { fields: { Code: "InvalidApi.NotFound" } },
    });
    const older = signedV1({ epochMs: clock.wallNow(), query: { Version: "2017-04-20" } });
    expect(take(older)).toMatchObject({ answer: { fields: { Code: "InvalidApi.NotFound" } } });
  });

  it("refuses in the service's shape at HTTP 200 what the call asks for", () => {
    const { receive, statistics } = newAccount();
    expect(receive({ query: cancelParameters("nobody") })).toMatchObject({
      answer: {
        status: 200,
        root: "CancelOTATaskByDeviceResponse",
        fields: {
          Success: false,
          Code: "iot.device.NotExistedDevice",
          ErrorMessage: "The device does not exist.",
        },
      },
    });
    expect(statistics.counts()).toMatchObject({ admitted: 1, succeeded: 0 });
  });

  describe("with a fault", () => {
    const under = (fault: Fault) => newAccount({ faults: () => fault });

    it.each(["hang", "reset"] as const)("can %s with the call carried out, or not", (kind) => {
      const lost = under({ kind, applied: false });
      expect(lost.receive()).toEqual({ kind });
      expect(lost.taskOf(0)).toBe("QUEUED");
      const done = under({ kind, applied: true });
      expect(done.receive()).toEqual({ kind });
      expect(done.taskOf(0)).toBe("CANCELED");
    });

    it("can answer for a proxy on the way, without carrying the call out", () => {
      const { receive, taskOf } = under({ kind: "bad-gateway" });
      expect(receive()).toEqual({ kind: "bad-gateway" });
      expect(taskOf(0)).toBe("QUEUED");
    });

    it("can refuse with any code in either shape", () => {
      const error = { kind: "error", status: 503, code: "ServiceUnavailable", message: "later" } as const;
      expect(under({ ...error, shape: "gateway" }).receive()).toMatchObject({
        answer: { status: 503, root: "Error", fields: { Code: "ServiceUnavailable", Message: "later" } },
      });
      expect(under({ ...error, shape: "service", status: 400 }).receive()).toMatchObject({
        answer: { status: 400, fields: { Success: false, Code: "ServiceUnavailable", ErrorMessage: "later" } },
      });
    });

    it("can carry the call out and answer late", () => {
      const { receive, taskOf } = under({ kind: "delay", delayMs: 300 });
      expect(receive()).toMatchObject({ kind: "answer", delayMs: 300, answer: { status: 200 } });
      expect(taskOf(0)).toBe("CANCELED");
    });

    it.each(["hang", "reset"] as const)("can %s a call that it refuses (was: the refusal came through)", (kind) => {
      const { receive, statistics } = under({ kind, applied: true });
      expect(receive({ query: cancelParameters("nobody") })).toEqual({ kind });
      expect(statistics.counts().refused).toEqual({ "iot.device.NotExistedDevice": 1 });
    });

    it("can refuse late, and in pieces (was: at once)", () => {
      const query = cancelParameters("nobody");
      const answer = { status: 200, fields: { Code: "iot.device.NotExistedDevice" } };
      expect(under({ kind: "delay", delayMs: 300 }).receive({ query })).toMatchObject({ delayMs: 300, answer });
      expect(under({ kind: "slow-body", bodyMs: 700 }).receive({ query })).toMatchObject({ bodyMs: 700, answer });
    });

    it("strikes the admitted calls that it chooses by number or parameters", () => {
      const seen: CountedCall[] = [];
      const faults = (call: CountedCall): Fault | undefined => {
        seen.push(call);
        return call.number === 2 ? { kind: "hang", applied: false } : undefined;
      };
      const { receive } = newAccount({ faults, quota: 3 });
      expect([receive(), receive(), receive(), receive()].map(({ kind }) => kind)).toEqual([
        "answer",
        "hang",
        "answer",
        "answer",
      ]);
      expect(seen.map(({ number }) => number)).toEqual([1, 2, 3]);
      expect(seen[0]?.parameters.get("DeviceName.1")).toBe(seededName(0));
    });
  });
});
