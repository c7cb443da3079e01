// The client against the emulator, which shares nothing with it but how a signature is computed.
import { describe, expect, it, onTestFinished } from "vitest";
import { type Clock, systemClock } from "../../src/base/clock.js";
import type { FaultPlan } from "../../src/emulator/faults/fault-plan.js";
import { readFaultPlan } from "../../src/emulator/faults/fault-plan-reader.js";
import { startEmulator } from "../../src/emulator/server.js";
import { createUpstream } from "../../src/upstream/client.js";
import { createCredentials } from "../../src/upstream/credentials.js";

const scope = { iotInstanceId: "", productKey: "a1Contract", firmwareId: "F0000000000000000000030100", jobId: "" };
const names = (count: number) => Array.from({ length: count }, (_, n) => `device-${String(n).padStart(7, "0")}`);

interface With {
  readonly secret?: string;
  readonly clock?: Clock;
  readonly quota?: number;
  readonly faultPlan?: FaultPlan;
}

async function upstreamWith({ secret = "testsecret", clock = systemClock, quota = 10, faultPlan }: With = {}) {
  const { productKey, firmwareId } = scope;
  const options = { listen: "127.0.0.1:0", devices: 300, productKey, firmwareId, quota };
  const emulator = await startEmulator({ ...options, ...(faultPlan && { faultPlan }) });
  const env = { ALIBABA_CLOUD_ACCESS_KEY_ID: "testid", ALIBABA_CLOUD_ACCESS_KEY_SECRET: secret };
  const credentials = createCredentials({ clock, env });
  const upstream = createUpstream({ url: new URL(emulator.url), timeoutMs: 5_000, credentials, clock });
  onTestFinished(async () => {
    await upstream.close();
    await emulator.close();
  });
  return { upstream, emulator };
}

describe("createUpstream against the emulator", () => {
  it("cancels a full call of 200 devices", async () => {
    const { upstream, emulator } = await upstreamWith();
    expect((await upstream.cancelTasks({ scope, deviceNames: names(200) }, systemClock.now())).kind).toBe("accepted");
    expect(names(201).map((name) => emulator.taskOf(name))).toEqual([...Array(200).fill("CANCELED"), "QUEUED"]);
  });

  it("says that a device may be at fault when one does not exist", async () => {
    const { upstream } = await upstreamWith();
    expect(
      await upstream.cancelTasks({ scope, deviceNames: ["device-0000000", "no-such-device"] }, systemClock.now()),
    ).toMatchObject({
      kind: "refused",
      refusal: { reaction: { kind: "rejected", rejection: "not-found", deviceFault: true } },
    });
  });

  it.each(["deviceDetails", "deviceStates"] as const)("reads which devices exist by its %s", async (reader) => {
    const { upstream } = await upstreamWith();
    const { devices } = upstream[reader].room;
    const asked = [...names(devices - 1), "no-such-device"];
    expect(await upstream[reader].read(scope, asked, systemClock.now())).toMatchObject({
      kind: "accepted",
      found: new Set(names(devices - 1)),
    });
  });

  it("says throttled beyond the quota", async () => {
    const { upstream } = await upstreamWith({ quota: 1 });
    await upstream.cancelTasks({ scope, deviceNames: names(1) }, systemClock.now());
    expect(await upstream.cancelTasks({ scope, deviceNames: names(1) }, systemClock.now())).toMatchObject({
      kind: "refused",
      refusal: { reaction: { kind: "throttled" } },
    });
  });

  it("takes a wrong secret for its own fault, in its own words", async () => {
    const { upstream } = await upstreamWith({ secret: "wrong" });
    expect(await upstream.cancelTasks({ scope, deviceNames: names(1) }, systemClock.now())).toMatchObject({
      refusal: {
        code: "SignatureDoesNotMatch",
        message: "The upstream did not accept the gateway's signature.",
        reaction: { kind: "internal", recovered: false },
      },
    });
  });

  it("goes on after its clock was found to be hours off", async () => {
    const slow: Clock = { ...systemClock, wallNow: () => Date.now() - 3 * 3_600_000 };
    const { upstream } = await upstreamWith({ clock: slow });
    expect(await upstream.cancelTasks({ scope, deviceNames: names(1) }, systemClock.now())).toMatchObject({
      refusal: { code: "InvalidTimeStamp.Expired", reaction: { kind: "internal", recovered: true } },
    });
    expect((await upstream.cancelTasks({ scope, deviceNames: names(1) }, systemClock.now())).kind).toBe("accepted");
  });

  const RECOVERED = { kind: "internal", recovered: true };
  const OURS = { kind: "internal", recovered: false };
  it.each([
    ["IllegalTimestamp", RECOVERED],
    ["InvalidTimeStamp.Format", RECOVERED],
    ["Forbidden.AccessKeyDisabled", OURS],
    ["Rejected.Throttling", { kind: "throttled" }],
    ["SystemBusy", { kind: "unavailable" }],
    ["ServiceUnavailableTemporary", { kind: "unavailable" }],
    ["InternalFailure", { kind: "unavailable" }],
    ["iot.system.NeverSeenBefore", { kind: "unavailable" }],
    ["iot.never.SeenBefore", { kind: "rejected", rejection: "precondition", deviceFault: false }],
  ])("takes %s for one of its family, and goes on with the next call", async (code, reaction) => {
    // Still within the quarter of an hour that the emulator tolerates.
    const faultPlan = readFaultPlan({
      clockSkewMs: 14 * 60_000,
      rules: [{ times: 1, fault: { kind: "error", code } }],
    });
    const { upstream } = await upstreamWith({ faultPlan });
    const call = { scope, deviceNames: names(1) };
    expect(await upstream.cancelTasks(call, systemClock.now())).toMatchObject({
      kind: "refused",
      refusal: { code, reaction },
    });
    expect((await upstream.cancelTasks(call, systemClock.now())).kind).toBe("accepted");
  });
});
