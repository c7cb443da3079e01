// Names that do not exist among those that do, through the real programs: each is told apart by
// reading, and of the secrets that such readings bring nothing comes out.
import { afterEach, describe, expect, it } from "vitest";
import { deviceSecretOf } from "../../src/emulator/state/ids.js";
import { seededName } from "../../src/emulator/state/seeded-name.js";
import { Outcome } from "../../src/gen/ota/v1/ota_service.js";
import { createCaller } from "../support/grpc-caller.js";
import { endPrograms, KEYS, openEmulator, runGateway } from "../support/processes.js";

const DEVICES = 600;
const STALE = 12;

afterEach(endPrograms);

/** The seeded devices, and one that does not exist after every fifty. */
function names(): string[] {
  const all = Array.from({ length: DEVICES }, (_, n) => seededName(n));
  for (let n = STALE; n > 0; n--) all.splice((n * DEVICES) / STALE, 0, seededName(DEVICES + n));
  return all;
}

describe("ota-gateway serve", () => {
  it("says of each device whether it exists before anything is canceled", async () => {
    const emulator = await openEmulator({ devices: DEVICES });
    const gateway = await runGateway(emulator.url);
    const caller = createCaller(gateway.grpc);
    const request = { validateOnly: true, checkDevices: true };
    const { results, plan } = await caller.cancel(names(), request).answer;
    expect(plan).toMatchObject({ devicesExisting: DEVICES, devicesMissing: STALE, devicesNotRead: 0 });
    for (const { deviceName, outcome, status } of results) {
      const exists = deviceName < seededName(DEVICES);
      expect([outcome, status?.code]).toEqual(exists ? [Outcome.NOT_ATTEMPTED, undefined] : [Outcome.REJECTED, 5]);
    }
    caller.close();
    expect((await emulator.stats()).arrivals).toBe(0);
  });

  it("cancels what exists, rejects the rest by reading, and shows no device's secret and no name", async () => {
    const emulator = await openEmulator({ devices: DEVICES });
    const gateway = await runGateway(emulator.url, {
      ...KEYS,
      OTA_LOG_LEVEL: "trace",
      OTEL_TRACES_EXPORTER: "console",
    });
    const caller = createCaller(gateway.grpc);
    const { results, calls } = await caller.cancel(names()).answer;
    caller.close();
    for (const { deviceName, outcome, status, callIndex } of results) {
      const exists = deviceName < seededName(DEVICES);
      expect(outcome).toBe(exists ? Outcome.ACCEPTED : Outcome.REJECTED);
      if (!exists) expect(status?.message).toContain("it was read, and not found (iot.device.NotExistedDevice)");
      if (exists) expect(calls[callIndex]?.success).toBe(true);
    }
    const stats = await emulator.stats();
    expect(stats.devicesCanceled).toBe(DEVICES);
    expect(stats.arrivals).toBeLessThanOrEqual(8);
    expect(stats.operations["BatchQueryDeviceDetail"]?.arrivals).toBeGreaterThan(0);
    expect(stats.operations["BatchGetDeviceState"]?.arrivals).toBeGreaterThan(0);

    const page = async (path: string) => (await fetch(`${gateway.admin}${path}`)).text();
    const shown = [await page("/metrics"), await page("/flight-record")];
    gateway.kill("SIGTERM");
    expect(await gateway.ended).toBe(0);
    expect(shown[0]).toMatch(/ota_reads_total\{[^}]*BatchQueryDeviceDetail[^}]*"accepted"\} [1-9]/);
    for (const operation of ["BatchQueryDeviceDetail", "BatchGetDeviceState"]) {
      expect(gateway.stdout).toContain(operation); // its spans
      expect(gateway.stderr).toContain(operation); // its lines of the log
    }
    const secrets = Array.from({ length: DEVICES }, (_, row) => deviceSecretOf(row));
    for (const printed of [...shown, gateway.stdout, gateway.stderr]) {
      expect(secrets.filter((secret) => printed.includes(secret))).toEqual([]);
      expect(printed).not.toMatch(/DeviceSecret|device-0000/);
    }
  });
});
