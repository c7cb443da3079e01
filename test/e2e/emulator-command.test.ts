import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { afterEach, describe, expect, it } from "vitest";

const SCRIPT = `
  import { emulateCommand } from "./src/cli/emulate.ts";
  await emulateCommand().parseAsync(process.argv.slice(1), { from: "user" });
`;

const children: ChildProcess[] = [];
afterEach(() => {
  for (const child of children.splice(0)) child.kill("SIGKILL");
});

function run(...flags: string[]) {
  const child = spawn(process.execPath, ["--import", "tsx", "--input-type=module", "-e", SCRIPT, "--", ...flags]);
  children.push(child);
  const output = { stdout: "", stderr: "" };
  child.stdout.setEncoding("utf8").on("data", (text: string) => (output.stdout += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (output.stderr += text));
  const ready = once(child.stdout, "data");
  const ended = once(child, "close").then(([code]) => code as number | null);
  return { child, output, ready, ended };
}

describe("emulateCommand", () => {
  it.each(["SIGINT", "SIGTERM"] as const)("says once where it listens, serves, and exits 0 at %s", async (signal) => {
    const { child, output, ready, ended } = run("--listen", "127.0.0.1:0", "--devices", "5000", "--quota", "7");
    await ready;
    const [, url] = /^emulator ready: (\S+) /.exec(output.stdout) ?? [];
    expect(await (await fetch(`${url}/__stats`)).json()).toMatchObject({ tasks: { QUEUED: 5000 } });
    child.kill(signal);
    expect(await ended).toBe(0);
    expect(output).toEqual({
      stdout: `emulator ready: ${url} (quota 7/s, sliding window, 5000 devices of product a1EmulatorPk with firmware EmulatedFirmware0000030100)\n`,
      stderr: "",
    });
  });

  it("has the faults in force that it was started with, beside the latency of its own flag", async () => {
    const plan = JSON.stringify({ rules: [{ times: 1, fault: { kind: "error", code: "ServiceUnavailable" } }] });
    const { output, ready } = run("--listen", "127.0.0.1:0", "--latency-ms", "5", "--faults", plan);
    await ready;
    const [, url] = /^emulator ready: (\S+) /.exec(output.stdout) ?? [];
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
    const first = run("--listen", "127.0.0.1:0");
    await first.ready;
    const [, address = ""] = /http:\/\/(\S+)/.exec(first.output.stdout) ?? [];
    const second = run("--listen", address);
    expect(await second.ended).toBe(1);
    expect(second.output.stderr).toMatch(
      /^cannot start the emulator: --listen: .*EADDRINUSE.* 127\.0\.0\.1:\d+; stop .*\n$/,
    );
    expect(second.output.stdout).toBe("");
  });
});
