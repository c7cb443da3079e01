import { mkdtempSync, readlinkSync, rmSync, symlinkSync } from "node:fs";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { lockResults } from "../../../../src/cli/cancel/results-lock.js";

const folder = mkdtempSync(join(tmpdir(), "ota-gateway-lock-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe("lockResults", () => {
  it("takes over the lock of a predecessor with its own number, as in a container (was: in use, by itself)", () => {
    const file = join(folder, "a.jsonl");
    const own = `${hostname()}:${process.pid}`;
    symlinkSync(own, `${file}.lock`);
    lockResults(file);
    expect(readlinkSync(`${file}.lock`)).toBe(own);
  });

  it("leaves alone the lock of a process that runs, and that of another machine", () => {
    const file = join(folder, "b.jsonl");
    symlinkSync(`${hostname()}:${process.ppid}`, `${file}.lock`);
    expect(() => lockResults(file)).toThrow("is being written by another run");
    rmSync(`${file}.lock`);
    symlinkSync(`not-${hostname()}:1`, `${file}.lock`);
    expect(() => lockResults(file)).toThrow("is being written by another run");
  });
});
