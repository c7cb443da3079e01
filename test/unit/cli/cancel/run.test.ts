import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { ResultsFile } from "../../../../src/cli/cancel/results-file.js";
import { runCancel } from "../../../../src/cli/cancel/run.js";
import type { Client, DeviceResult } from "../../../../src/client/client.js";
import { HandClock, settle } from "../../../support/hand-clock.js";

const folder = mkdtempSync(join(tmpdir(), "ota-gateway-run-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe("runCancel", () => {
  it("writes what is known when the process ends in the middle (was: a second Ctrl-C lost the last 200 ms)", async () => {
    const file = join(folder, "results.jsonl");
    let release = () => {};
    const client: Pick<Client, "cancelAll"> = {
      async *cancelAll(): AsyncGenerator<DeviceResult, void, undefined> {
        yield { deviceName: "dev-0", outcome: "ACCEPTED", ok: true };
        await new Promise<void>((resolve) => {
          release = resolve;
        });
      },
    };
    async function* lines() {
      yield { line: 1, name: "dev-0" };
    }
    const before = process.listeners("exit");
    const ended = runCancel({
      client: client as Client,
      scope: { productKey: "a1", firmwareId: "f1" },
      ...{ lines: lines(), source: "a list", readFirst: true, before: new Set<string>() },
      openResults: (failed) => ResultsFile.create(file, "jsonl", failed),
      ...{ signal: new AbortController().signal, screen: { isTTY: false, columns: 80, write: () => true } },
      ...{ paint: (_, text) => text, clock: new HandClock() },
    });
    await settle();
    expect(readFileSync(file, "utf8")).toBe("");
    for (const each of process.listeners("exit")) if (!before.includes(each)) each(1);
    expect(readFileSync(file, "utf8")).toContain('"device_name":"dev-0","outcome":"ACCEPTED"');
    release();
    await ended;
    expect(process.listeners("exit")).toEqual(before);
  });
});
