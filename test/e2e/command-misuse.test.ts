// What is refused of a command line before anybody is asked: `ota-gateway` with values that are empty.
import { afterAll, describe, expect, it } from "vitest";
import { endPrograms, run } from "../support/processes.js";

afterAll(endPrograms);

const CANCEL = ["cancel", "--product-key", "a1", "--firmware-id", "f1", "dev-0"];

describe("ota-gateway with a value that is empty, as of a shell's variable that is not set", () => {
  it.each([
    ["--job-id", [...CANCEL, "--job-id", ""]], // was: the tasks of every batch
    ["--account", [...CANCEL, "--account="]], // was: the default account
    ["--instance-id", [...CANCEL, "--instance-id", ""]],
    ["--firmware-id", ["cancel", "--product-key", "a1", "--firmware-id", "", "dev-0"]],
    ["--output", [...CANCEL, "--output", ""]], // was: no results at all
    ["--token-file", ["quota", "--token-file", ""]], // was: without any token
    ["--ca", ["quota", "--ca", ""]], // was: in plain text
    ["--upstream-url", ["probe", "--product-key", "a1", "--firmware-id", "f1", "--dry-run", "--upstream-url", ""]],
  ])("refuses %s, with 2", async (flag, args) => {
    const program = run(args);
    expect(await program.ended).toBe(2);
    expect(program.stderr).toContain(`error: ${flag} is empty; give it a value, or leave it out`);
    expect(program.stdout).toBe("");
  });

  it("takes it where it means what an empty variable means: for serve, not given", async () => {
    const program = run(["serve", "--listen", "", "--config", "", "--log-level", "shout"]);
    expect(await program.ended).toBe(2);
    expect(program.stderr).toContain("OTA_LOG_LEVEL");
    expect(program.stderr).not.toContain("is empty");
  });
});
