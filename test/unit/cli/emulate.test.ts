import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { emulateCommand } from "../../../src/cli/emulate.js";
import { ALL_QUESTIONS } from "../../../src/emulator/open-questions.js";
import { OPERATIONS } from "../../../src/emulator/operations/registry.js";

function parse(...flags: string[]): Promise<unknown> {
  const quiet = emulateCommand().configureOutput({ writeErr: () => undefined, writeOut: () => undefined });
  return quiet.parseAsync(flags, { from: "user" });
}

describe("emulateCommand", () => {
  it.each([
    ["--quota", "0"],
    ["--quota", "ten"],
    ["--quota", "1.5"],
    ["--devices", "-1"],
    ["--name-length", "13"],
    ["--name-length", "33"],
    ["--window", "tumbling"],
    ["--unknown-device", "maybe"],
    ["--refused-call", "reject"],
    ["--failure-rate", "1.1"],
    ["--failure-rate", ""],
    ["--update-seconds", "0"],
    ["--faults", "{"],
    ["--faults", '{"latency":1}'],
    ["--quotas", "{"],
    ["--quotas", '{"NoOperation":1}'],
    ["--quotas", '{"QueryOTAJob":0}'],
    ["--rollout", '{"kind":"gray"}'],
    ["--planned-tasks", "none"],
    ["--listen", "8088"],
    ["--listen", "127.0.0.1:65536"],
    // As from an unset variable: no call could name such a product, or be signed with such a key.
    ["--product-key", ""],
    ["--access-key-id", ""],
    ["--device-version", ""],
  ])("does not take %s %s", async (flag, value) => {
    await expect(parse(flag, value)).rejects.toMatchObject({ code: "commander.invalidArgument" });
  });

  it("does not take a rollout that does not fit the rest (was: failed, with the code of a port that is taken)", async () => {
    const rollout = JSON.stringify({ jobId: "EmulatedUpgradeJob00000200" });
    await expect(parse("--listen", "127.0.0.1:0", "--rollout", rollout)).rejects.toMatchObject({
      code: "emulate.misuse",
      exitCode: 2,
      message: "error: --rollout: jobId: exists already",
    });
  });

  it("does not take a flag that it does not know", async () => {
    await expect(parse("--colour")).rejects.toMatchObject({ code: "commander.unknownOption" });
  });

  it("has a flag for every open question, with its choices and its default", () => {
    for (const [name, { choices }] of Object.entries(ALL_QUESTIONS)) {
      const option = emulateCommand().options.find((each) => each.attributeName() === name);
      expect(option).toMatchObject({ argChoices: choices, defaultValue: choices[0] });
    }
  });

  it("is described in docs/emulator.md, flag for flag, with its choices", () => {
    const docs = readFileSync(new URL("../../../docs/emulator.md", import.meta.url), "utf8");
    for (const { long, argChoices = [] } of emulateCommand().options) {
      expect(docs).toContain(`\`${long}`);
      for (const choice of argChoices) expect(docs).toContain(choice);
    }
    for (const action of Object.keys(OPERATIONS)) expect(docs).toContain(action);
  });

  it("shows the defaults in its help", () => {
    const help = emulateCommand().helpInformation();
    for (const value of ["127.0.0.1:8088", "testid", "testsecret", "sliding", "a1EmulatorPk"])
      expect(help).toContain(value);
  });
});
