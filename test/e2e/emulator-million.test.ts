// The largest fleet that is promised: a million devices, seeded within the time of a test, in 600 MB.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { describe, expect, it, onTestFinished } from "vitest";

const SCRIPT = `
  import { emulateCommand } from "./src/cli/emulate.ts";
  await emulateCommand().parseAsync(process.argv.slice(1), { from: "user" });
`;

describe("emulateCommand", () => {
  it("seeds a million devices in 600 MB", async () => {
    const flags = ["--listen", "127.0.0.1:0", "--devices", "1000000", "--name-length", "32"];
    const child = spawn(process.execPath, ["--import", "tsx", "--input-type=module", "-e", SCRIPT, "--", ...flags]);
    onTestFinished(() => void child.kill("SIGKILL"));
    const [ready] = (await once(child.stdout.setEncoding("utf8"), "data")) as [string];
    const [, url] = /^emulator ready: (\S+) /.exec(ready) ?? [];
    expect(await (await fetch(`${url}/__stats`)).json()).toMatchObject({ tasks: { QUEUED: 1_000_000 } });
    const peakMb = peakMegabytes(child);
    if (peakMb !== undefined) expect(peakMb).toBeLessThan(600);
  });
});

/** The most memory that a process had; undefined where the system does not tell. */
function peakMegabytes({ pid }: ChildProcess): number | undefined {
  const path = `/proc/${pid}/status`;
  const [, kilobytes] = existsSync(path) ? (/^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(path, "utf8")) ?? []) : [];
  return kilobytes === undefined ? undefined : Number(kilobytes) / 1000;
}
