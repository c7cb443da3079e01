// From a run against the emulator to the verdict, as users do it: real processes and the admin port.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { seededName } from "../../src/emulator/state/seeded-name.js";
import { createCaller } from "../support/grpc-caller.js";
import { endPrograms, run, runEmulator, runGateway, until } from "../support/processes.js";
import { endRedis } from "../support/redis.js";
import { startFleet } from "../support/replicas.js";
import { systemHas } from "../support/system.js";

afterEach(async () => {
  await endPrograms();
  await endRedis();
});

describe("ota-gateway prove", () => {
  it("says 10 for a run with jitter, as the emulator does at the most, and 11 for a doctored file", async () => {
    const emulator = await runEmulator("--devices", "5000", "--latency-ms", "30", "--jitter-ms", "30");
    const gateway = await runGateway(emulator.url);
    await gateway.opened();
    const caller = createCaller(gateway.grpc);
    const all = Array.from({ length: 5000 }, (_, n) => seededName(n));
    expect((await caller.cancel(all).answer).success).toBe(true);
    caller.close();
    const text = await (await fetch(`${gateway.admin}/flight-record`)).text();
    const folder = mkdtempSync(join(tmpdir(), "prove-"));
    const file = join(folder, "flight.jsonl");
    writeFileSync(file, text);
    const good = run(["prove", file]);
    expect(await good.ended).toBe(0);
    expect(good.stdout).toContain("25: 25 accepted");
    expect(good.stdout).toMatch(/most arrivals +(\d|10) in any one second/);
    const { worstSecond } = await emulator.stats();
    expect(worstSecond).toBeLessThanOrEqual(10);

    const lines = text.trimEnd().split("\n");
    const calls = lines.slice(1).map((line) => JSON.parse(line) as { sent: number; ended: number });
    // Eleven calls in a row that were all under way when the last of them was answered.
    const eleventh = calls[10] as { sent: number; ended: number };
    const doctored = calls.map((call, n) => (n <= 10 ? { ...call, ended: eleventh.ended } : call));
    writeFileSync(file, [lines[0], ...doctored.map((call) => JSON.stringify(call))].join("\n"));
    const bad = run(["prove", file]);
    expect(await bad.ended).toBe(1);
    expect(bad.stdout).toMatch(/NOT PROVED: one second can have held (1[1-9]|2\d) arrivals, but 10 are allowed/);
    const misuse = run(["prove", "/nowhere"]);
    expect(await misuse.ended).toBe(2);
    rmSync(folder, { recursive: true });
  });

  it.runIf(systemHas("redis"))("speaks for one of two replicas only until it has the files of both", async () => {
    const { replicas } = await startFleet(2, 10);
    const folder = mkdtempSync(join(tmpdir(), "prove-"));
    const files: string[] = [];
    for (const { gateway, network } of replicas) {
      let text = "";
      await until(async () => {
        text = await (await fetch(`${gateway.admin}/flight-record`)).text();
        return text.includes('"ledger":"shared","replicas":2,'); // it may not have heard of the other yet
      });
      files.push(join(folder, `${files.length}.jsonl`));
      writeFileSync(files.at(-1) ?? "", text);
      network.close();
    }
    const one = run(["prove", ...files.slice(0, 1)]);
    expect(await one.ended).toBe(0);
    expect(one.stdout).toMatch(/^PROVED for the calls of this process only: /m);
    const both = run(["prove", ...files]);
    expect(await both.ended).toBe(0);
    expect(both.stdout).toMatch(/^PROVED: no second can have held more than 10 arrivals from these 2 processes\.$/m);
    rmSync(folder, { recursive: true });
  });
});
