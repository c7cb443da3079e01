// The largest fleet that is promised: a million devices, seeded within the time of a test, in 600 MB.
import { existsSync, readFileSync } from "node:fs";
import { afterAll, describe, expect, it } from "vitest";
import { endPrograms, type Program, runEmulator } from "../support/processes.js";

afterAll(endPrograms);

describe("ota-gateway emulate", () => {
  it("seeds a million devices in 600 MB", async () => {
    const emulator = await runEmulator("--devices", "1000000", "--name-length", "32");
    expect(await emulator.stats()).toMatchObject({ tasks: { QUEUED: 1_000_000 } });
    const peakMb = peakMegabytes(emulator);
    if (peakMb !== undefined) expect(peakMb).toBeLessThan(600);
  });
});

/** The most memory that a process had; undefined where the system does not tell. */
function peakMegabytes({ pid }: Program): number | undefined {
  const path = `/proc/${pid}/status`;
  const [, kilobytes] = existsSync(path) ? (/^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(path, "utf8")) ?? []) : [];
  return kilobytes === undefined ? undefined : Number(kilobytes) / 1000;
}
