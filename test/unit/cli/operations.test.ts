// The command lines of `ota-gateway operations`. What the commands do is in e2e/operations-command.
import { describe, expect, it } from "vitest";
import { operationsCommand } from "../../../src/cli/operations.js";

/** Rejects with the error of Commander, before anything is asked. */
async function refusalOf(name: string, ...flags: readonly string[]): Promise<{ code: string; message: string }> {
  const command = operationsCommand();
  for (const each of command.commands) each.configureOutput({ writeErr: () => undefined });
  const parsed = command.parseAsync([name, "operations/1", ...flags], { from: "user" });
  return parsed.then(
    () => {
      throw new Error("it was taken");
    },
    (error: { code: string; message: string }) => error,
  );
}

describe("operationsCommand", () => {
  it.each(["x.csv", "X.CSV"])("refuses --json for results that go to %s (was: ignored)", async (file) => {
    expect(await refusalOf("results", "--json", "--output", file)).toMatchObject({
      message: expect.stringContaining("--json writes JSON lines"),
    });
  });
});
