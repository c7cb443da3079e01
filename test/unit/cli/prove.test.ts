import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { proveCommand } from "../../../src/cli/prove.js";
import { answered, fileOf } from "../observe/recorder/records.js";

const KEPT = fileOf([answered(0, 100), answered(1100, 1200)], { callsPerSecond: 1 });
const BROKEN = fileOf([answered(0, 100), answered(1099.999, 1200)], { callsPerSecond: 1 });

describe("proveCommand", () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "prove-"));
  });
  afterEach(() => {
    rmSync(folder, { recursive: true });
    process.exitCode = undefined;
  });

  function file(text: string, name = "a.jsonl"): string {
    writeFileSync(join(folder, name), text);
    return join(folder, name);
  }

  async function run(args: readonly string[], stdin = ""): Promise<{ out: string; code: unknown }> {
    let out = "";
    const write = (text: string) => {
      out += text;
    };
    const command = proveCommand(() => Readable.from([Buffer.from(stdin)]));
    await command.configureOutput({ writeOut: write, writeErr: () => undefined }).parseAsync(args, { from: "user" });
    return { out, code: process.exitCode };
  }

  it("ends with 0 if no second can have held too many, with 1 if one can", async () => {
    expect(await run([file(KEPT)])).toMatchObject({ code: 0, out: expect.stringContaining("\nPROVED") });
    expect(await run([file(BROKEN)])).toMatchObject({ code: 1, out: expect.stringContaining("\nNOT PROVED") });
  });

  it("ends with 1 if one account of several had too many", async () => {
    const both = KEPT + BROKEN.replace('"default"', '"other"');
    expect(await run([file(both)])).toMatchObject({
      code: 1,
      out: expect.stringMatching(/\nPROVED.*\n\n(.*\n)*NOT PROVED/),
    });
  });

  it("reads standard input for -", async () => {
    const { out, code } = await run(["-"], BROKEN);
    expect(code).toBe(1);
    expect(out).toContain("2 calls of gw-1 (standard input)");
  });

  it("takes a file that is named twice once", async () => {
    const name = file(KEPT);
    expect((await run([name, name])).out.match(/^recorded/gm)).toHaveLength(1);
  });

  it("prints JSON if asked", async () => {
    const { out } = await run([file(KEPT), "--json", "--clock-error-ms", "0.5"]);
    expect(JSON.parse(out)).toMatchObject([
      { mostArrivals: 1, holds: true, widened: { clockErrorMs: 0.5, mostArrivals: 2 } },
    ]);
  });

  it.each([
    [
      "a file that is missing",
      () => ["/nowhere/a.jsonl"],
      /^error: \/nowhere|\/nowhere\/a.jsonl: cannot be read: ENOENT/,
    ],
    ["a folder", () => [folder], /cannot be read: EISDIR/],
    ["a file that is not ours", () => [file("hello")], /a\.jsonl: line 1 is not JSON/],
    ["two quotas", () => [file(KEPT), file(fileOf([]), "b.jsonl")], /b\.jsonl allows account "default" 2 calls/],
  ])("does not take %s", async (_, args, message) => {
    await expect(run(args())).rejects.toMatchObject({ exitCode: 2, message: expect.stringMatching(message) });
  });

  it.each([
    ["no file", [], "commander.missingArgument"],
    ["an error that is no number", ["a", "--clock-error-ms", "-1"], "commander.invalidArgument"],
    ["an error that is too large", ["a", "--clock-error-ms", "3600001"], "commander.invalidArgument"],
    ["a flag that it does not know", ["a", "--quiet"], "commander.unknownOption"],
  ])("does not take %s", async (_, args, code) => {
    await expect(run(args)).rejects.toMatchObject({ code });
  });
});
