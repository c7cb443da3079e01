// `ota-gateway emulate` by itself: where it listens, what it prints, and how it ends.
import { afterEach, describe, expect, it } from "vitest";
import { endPrograms, run, runEmulator } from "../support/processes.js";

afterEach(endPrograms);

describe("ota-gateway emulate", () => {
  it.each(["SIGINT", "SIGTERM"] as const)("says once where it listens, serves, and exits 0 at %s", async (signal) => {
    const emulator = await runEmulator("--devices", "5000", "--quota", "7");
    expect(await emulator.stats()).toMatchObject({ tasks: { QUEUED: 5000 } });
    emulator.kill(signal);
    expect(await emulator.ended).toBe(0);
    expect(emulator.stdout).toBe(
      `emulator ready: ${emulator.url} (quota 7/s, sliding window, 5000 devices of product a1EmulatorPk with firmware EmulatedFirmware0000030100)\n`,
    );
    expect(emulator.stderr).toBe("");
  });

  it("has the faults in force that it was started with, beside the latency of its own flag", async () => {
    const plan = JSON.stringify({ rules: [{ times: 1, fault: { kind: "error", code: "ServiceUnavailable" } }] });
    const { url } = await runEmulator("--latency-ms", "5", "--faults", plan);
    expect(await (await fetch(`${url}/__faults`)).json()).toEqual({
      latencyMs: 5,
      jitterMs: 0,
      processingMs: 0,
      clockSkewMs: 0,
      refuseConnectionsMs: 0,
      rules: [
        {
          times: 1,
          struck: 0,
          fault: {
            kind: "error",
            shape: "gateway",
            status: 503,
            code: "ServiceUnavailable",
            message: "The request has failed due to a temporary failure of the server.",
          },
        },
      ],
    });
  });

  it("says in one line that its port is taken, and exits 1", async () => {
    const { host } = new URL((await runEmulator()).url);
    const second = run(["emulate", "--listen", host]);
    expect(await second.ended).toBe(1);
    expect(second.stderr).toMatch(/^cannot start the emulator: --listen: .*EADDRINUSE.* 127\.0\.0\.1:\d+; stop .*\n$/);
    expect(second.stdout).toBe("");
  });
});
