// What tests ask of the emulator itself: to hear a device, and to turn the time.
import { describe, expect, it, onTestFinished } from "vitest";
import { startEmulator } from "../../src/emulator/server.js";
import { seededName } from "../../src/emulator/state/seeded-name.js";
import { HandClock } from "../support/hand-clock.js";

const deviceName = seededName(0);

async function start(options: Parameters<typeof startEmulator>[0] = {}) {
  const emulator = await startEmulator({ listen: "127.0.0.1:0", devices: 3, clock: new HandClock(), ...options });
  onTestFinished(() => emulator.close());
  const post = async (path: string, json: unknown) => {
    const response = await fetch(`${emulator.url}${path}`, { method: "POST", body: JSON.stringify(json) });
    return [response.status, await response.json()];
  };
  return { emulator, post };
}

describe("POST /__devices", () => {
  it("speaks in a device's place", async () => {
    const { post, emulator } = await start();
    expect(await post("/__devices", { deviceName, progress: 40 })).toEqual([200, { taskStatus: "IN_PROGRESS" }]);
    expect(await post("/__devices", { deviceName, version: "2.0.0" })).toEqual([200, { taskStatus: "SUCCEEDED" }]);
    expect(emulator.taskOf(deviceName)).toBe("SUCCEEDED");
  });

  it("tells mistakes with 400, and devices that it does not know with 404", async () => {
    const { post } = await start();
    expect(await post("/__devices", { deviceName: "nobody", progress: 1 })).toMatchObject([404, {}]);
    expect(await post("/__devices", { deviceName, productKey: "other", progress: 1 })).toMatchObject([404, {}]);
    expect(await post("/__devices", { name: deviceName, progress: 101 })).toEqual([
      400,
      {
        errors: [
          "name: is unknown; known are productKey, deviceName, module, progress, version",
          "deviceName: is missing",
          "progress: must be a number from -4 to 100",
        ],
      },
    ]);
  });
});

describe("POST /__clock", () => {
  it("turns the platform's time, and simulated devices with it", async () => {
    const { post, emulator } = await start({ simulate: true, failureRate: 0, updateSeconds: 600 });
    expect(emulator.taskOf(deviceName)).toBe("QUEUED");
    expect(await post("/__clock", { advanceMs: 2_000 })).toEqual([200, { now: "2026-01-01T00:00:02.000Z" }]);
    expect(emulator.taskOf(deviceName)).toBe("NOTIFIED");
    expect(await post("/__clock", { advanceMs: 900_000 })).toMatchObject([200, {}]);
    expect(emulator.taskOf(deviceName)).toBe("SUCCEEDED");
  });

  it("does not turn it back", async () => {
    const { post } = await start();
    const [status] = await post("/__clock", { advanceMs: -1 });
    expect(status).toBe(400);
  });
});

describe("POST /__rollouts", () => {
  it("creates a rollout that the vendor's operations see, and reads its true state", async () => {
    const { post, emulator } = await start();
    const [status, created] = await post("/__rollouts", { kind: "dynamic", devices: 2, states: { NOTIFIED: 1 } });
    expect([status, created]).toMatchObject([200, { isOpenToDevices: true, tasks: { QUEUED: 1, NOTIFIED: 1 } }]);
    const all = await (await fetch(`${emulator.url}/__rollouts`)).json();
    expect(all).toMatchObject([{ tasks: { QUEUED: 3 } }, created]);
    expect(await post("/__rollouts", { kind: "dynamic", size: 1 })).toMatchObject([400, {}]);
    expect(await post("/__rollouts", { kind: "dynamic" })).toEqual([
      400,
      { errors: ["kind: another dynamic job of this package is open"] },
    ]);
  });
});
