// The Python recipe of docs/clients.md, as it stands there: its commands make the stubs and run it, against a gateway; and
// what it sets is seen to work against a service that refuses, and answers at length.
import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, describe, expect, it } from "vitest";
import { GatewayError } from "../../src/gateway/failures.js";
import { wireErrorOf } from "../../src/grpc/wire/status.js";
import { accepted, listenOta } from "../support/fake-ota-service.js";
import { endPrograms, runEmulator, runGateway } from "../support/processes.js";
import { startPair } from "../support/rolling-restart.js";
import { REQUIREMENTS, systemHas } from "../support/system.js";

const run = promisify(execFile);

const [, section = ""] = readFileSync("docs/clients.md", "utf8").split("### Python\n");
const [installation = "", commands = ""] = [...section.matchAll(/```sh\n(.*?)```/gs)].map(([, shell = ""]) => shell);
const [, recipe = ""] = /```python\n(.*?)```/s.exec(section) ?? [];

const folder = mkdtempSync(join(tmpdir(), "ota-gateway-python-"));
symlinkSync(join(process.cwd(), "proto"), join(folder, "proto"));
afterAll(async () => {
  rmSync(folder, { recursive: true, force: true });
  await endPrograms();
});

const IMPORT = "from cancel import *\n";

let hasStubs = false;

/** What it prints, with the recipe's address replaced. The stubs are made once. */
async function python(address: string, more?: string): Promise<string[]> {
  writeFileSync(join(folder, "cancel.py"), recipe.replace("127.0.0.1:50051", address));
  writeFileSync(join(folder, "more.py"), more ?? "");
  const shell = hasStubs ? commands.slice(commands.indexOf("PYTHONPATH=")) : commands;
  const script = more === undefined ? shell : shell.replace("python3 cancel.py", "python3 more.py");
  // Python recognizes changed files by second and size, and another port need not change either.
  const env = { PATH: process.env["PATH"], HOME: folder, PYTHONDONTWRITEBYTECODE: "1" };
  const { stdout } = await run("sh", ["-ec", script], { cwd: folder, env });
  hasStubs = true;
  return stdout.trimEnd().split("\n");
}

describe("the packages of the Python recipe", () => {
  it("are those that this test installs, so that a missing one is noticed", () => {
    expect(installation.trim()).toBe(`apt-get install ${REQUIREMENTS.python.packages.join(" ")}`);
  });
});

describe.runIf(systemHas("python"))("the Python recipe", () => {
  it("cancels, tells each device's outcome, and reads why a request failed", async () => {
    const { url } = await runEmulator("--devices", "10");
    const gateway = await runGateway(url);
    expect(await python(gateway.grpc)).toEqual([
      "device-0000006 OUTCOME_ACCEPTED  None 0.0",
      "typo-1 OUTCOME_REJECTED REJECTED iot.device.NotExistedDevice 0.0",
      "device-0000007 OUTCOME_ACCEPTED  None 0.0",
      "device-0000008 OUTCOME_ACCEPTED  None 0.0",
      "device-0000009 OUTCOME_ACCEPTED  None 0.0",
      "NOT_FOUND REJECTED iot.device.NotExistedDevice 0.0 the device does not exist: it was read, and not found (iot.device.NotExistedDevice)",
    ]);
    const mixed = "['device-0000001'] * 2 + [f'typo-{number}' for number in range(998)] + ['device-0000002']";
    const counted = `Counter((outcome, reason) for _, outcome, reason, *_ in cancel_all(${mixed}))`;
    const script = `from collections import Counter\n${IMPORT}for each in sorted(${counted}.items()): print(each)`;
    expect(await python(gateway.grpc, script)).toEqual([
      "(('OUTCOME_ACCEPTED', ''), 1)",
      "(('OUTCOME_NOT_ATTEMPTED', 'INVALID_REQUEST'), 1000)",
    ]);
  });

  it("can wait for a month (was: DEADLINE_EXCEEDED at once, of a deadline longer than 24.8 days)", async () => {
    const { url } = await runEmulator("--devices", "10");
    const gateway = await runGateway(url);
    const request = "ota.CancelTasksByDeviceRequest(device_names=['device-0000001'], **SCOPE)";
    const answer = `stub.CancelTasksByDevice(${request}, timeout=30 * 86400, metadata=CALLER)`;
    expect(await python(gateway.grpc, `${IMPORT}print(${answer}.success)`)).toEqual(["True"]);
  });

  it("fails no request while two gateways are replaced under load", async () => {
    const { addresses, names, restart } = await startPair("fleet-python");
    // One request at a time would be retried on the other gateway always: the turns alternate.
    const script = `${IMPORT}import os
from concurrent.futures import ThreadPoolExecutor
def answered(name):
    if os.path.exists("stop"): return 0
    for outcome in cancel([name]): assert outcome[1] == "OUTCOME_ACCEPTED", outcome
    return 1
with ThreadPoolExecutor(8) as workers: print(sum(workers.map(answered, ${JSON.stringify(names.take(30_000))})))`;
    const told = python(`ipv4:${addresses.join(",")}`, script);
    await Promise.race([restart(), told]); // a failed request ends the script
    writeFileSync(join(folder, "stop"), "");
    expect(Number((await told)[0])).toBeGreaterThan(20);
  });

  it("reads when a request is worth asking again, and that nothing was said where nobody answered", async () => {
    const tooShort = new GatewayError({ kind: "deadline-too-short", message: "too late" }, { retryAfterMs: 3500 });
    const address = await listenOta({ cancel: () => wireErrorOf(tooShort) });
    const ask = "try: cancel(['device-0000001'])\nexcept grpc.RpcError as error: print(error.code().name, *why(error))";
    expect(await python(address, `${IMPORT}${ask}`)).toEqual(["DEADLINE_EXCEEDED DEADLINE_TOO_SHORT None 3.5"]);
    expect(await python("127.0.0.1:1", `${IMPORT}${ask}`)).toEqual(["UNAVAILABLE  None 0.0"]);
  });

  it("asks again with the largest request when it was told to, and while a gateway drains, and takes the longest answer", async () => {
    const askedMs: number[] = [];
    const throttled = new GatewayError({ kind: "throttled", message: "too many" }, { retryAfterMs: 700 });
    const draining = new GatewayError({ kind: "draining", message: "shutting down" }, { retryAfterMs: 50 });
    // The service config gives up after five attempts.
    const refusals = [throttled, throttled, ...Array.from({ length: 6 }, () => draining)];
    const address = await listenOta({
      cancel({ request }) {
        const refusal = refusals[askedMs.length];
        askedMs.push(performance.now());
        if (refusal) return wireErrorOf(refusal);
        const answer = accepted(request.deviceNames);
        const status = { code: 5, message: "a long reason ".repeat(200), details: [] };
        return { ...answer, results: answer.results.map((result) => ({ ...result, status })) };
      },
    });
    const ask = `${IMPORT}print(len(list(cancel([f'device-{number:025}' for number in range(10_000)]))))`;
    expect(await python(address, ask)).toEqual(["10000"]);
    const gapsMs = askedMs.slice(1).map((ms, index) => ms - (askedMs[index] ?? 0));
    expect(gapsMs).toHaveLength(refusals.length);
    for (const gapMs of gapsMs.slice(0, 2)) expect(gapMs).toBeGreaterThanOrEqual(690);
  });
});
