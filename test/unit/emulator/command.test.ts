import { describe, expect, it } from "vitest";
import { emulateCommand } from "../../../src/emulator/command.js";

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
    ["--listen", "8088"],
    ["--listen", "127.0.0.1:65536"],
  ])("does not take %s %s", async (flag, value) => {
    await expect(parse(flag, value)).rejects.toMatchObject({ code: "commander.invalidArgument" });
  });

  it("does not take a flag that it does not know", async () => {
    await expect(parse("--colour")).rejects.toMatchObject({ code: "commander.unknownOption" });
  });

  it("shows the defaults in its help", () => {
    const help = emulateCommand().helpInformation();
    for (const value of ["127.0.0.1:8088", "testid", "testsecret", "sliding", "a1EmulatorPk"])
      expect(help).toContain(value);
  });
});
