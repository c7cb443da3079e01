// The log where it cannot be written: it is there for the gateway, and not the other way round.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, describe, expect, it } from "vitest";
import { visitorOf } from "../support/all-rpcs.js";
import { endPrograms, KEYS, NODE_FLAGS, openEmulator } from "../support/processes.js";

const folder = mkdtempSync(join(tmpdir(), "ota-gateway-log-"));
let gateway: ChildProcess | undefined;
afterEach(() => void gateway?.kill("SIGKILL"));
afterAll(async () => {
  await endPrograms();
  rmSync(folder, { recursive: true });
});

/** A gateway that a shell starts, with whatever becomes of its standard error; resolves when it is ready. */
async function start(shell: string): Promise<{ grpc: string; admin: string }> {
  const emulator = await openEmulator();
  const command = [process.execPath, ...NODE_FLAGS, "dist/cli.js", "serve"].join(" ");
  gateway = spawn("/bin/sh", ["-c", shell.replace("SERVE", command)], {
    env: {
      PATH: process.env["PATH"],
      HOME: folder,
      ...KEYS,
      OTA_LISTEN: "127.0.0.1:0",
      OTA_ADMIN_LISTEN: "127.0.0.1:0",
      OTA_UPSTREAM_URL: emulator.url,
      OTEL_SDK_DISABLED: "true",
    },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const [line] = (await once(gateway.stdout as NodeJS.ReadableStream, "data")) as [Buffer];
  const [, grpc = "", admin = ""] = /ready: grpc (\S+), admin (\S+)/.exec(line.toString()) ?? [];
  return { grpc, admin };
}

async function askOften(grpc: string, times: number): Promise<void> {
  const caller = visitorOf(grpc, { "x-ota-caller": "x".repeat(100) });
  for (let n = 0; n < times; n += 100) await Promise.all(Array.from({ length: 100 }, () => caller.quota()));
  caller.close();
}

describe("a gateway whose log cannot be written", () => {
  it("serves all the same while nobody reads the pipe (was: it stood still), and goes on writing when somebody does", async () => {
    const { grpc, admin } = await start("exec SERVE");
    const stderr = gateway?.stderr as NodeJS.ReadableStream;
    stderr.pause();
    await askOften(grpc, 2000);
    expect((await fetch(`${admin}/livez`)).status).toBe(200);
    let read = "";
    const all = new Promise<void>((resolve) => {
      stderr.on("data", (text: Buffer) => {
        read += text.toString();
        if ((read.match(/GetQuota/g) ?? []).length === 2000) resolve();
      });
    });
    stderr.resume();
    await all;
  });

  it("serves all the same on a disk that is full (was: that ended it)", async () => {
    const file = join(folder, "log.jsonl");
    const { grpc, admin } = await start(`ulimit -f 3; exec SERVE 2>${file}`); // in blocks of 512 or 1024 bytes
    await askOften(grpc, 300);
    expect((await fetch(`${admin}/livez`)).status).toBe(200);
    expect(readFileSync(file, "utf8").length).toBeLessThanOrEqual(3 * 1024);
    expect(gateway?.exitCode).toBeNull();
  });
});
