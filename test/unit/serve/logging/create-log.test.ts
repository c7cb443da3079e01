import { open } from "node:fs/promises";
import { pino } from "pino";
import { describe, expect, it } from "vitest";
import { LOG_OPTIONS } from "../../../../src/serve/logging/create-log.js";

function lineOf(fields: object): Record<string, unknown> {
  const written: string[] = [];
  const log = pino({ ...LOG_OPTIONS, level: "info" }, { write: (line) => void written.push(line) });
  log.error(fields, "something failed");
  return JSON.parse(written.join(""));
}

describe("every line of the log", () => {
  it("has a time and a level that people can search for (was: 1795984752289, 40)", () => {
    const { time, level } = lineOf({});
    expect([time, level]).toEqual([expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/), "error"]);
  });
});

describe("what no line of the log holds", () => {
  it.each([
    "authorization",
    "password",
    "secret",
    "token",
    "accessKeySecret",
    "securityToken",
    "deviceNames",
    "device_names",
  ])("is any %s", (name) => {
    expect(lineOf({ [name]: ["hidden"], caller: "seen" })).toMatchObject({ [name]: "[redacted]", caller: "seen" });
  });

  it("is what a library puts into an error beside its words", () => {
    const error = Object.assign(new TypeError("Invalid URL"), {
      code: "ERR_INVALID_URL",
      input: "rediss://:hidden@redis",
      command: { name: "AUTH", args: ["hidden"] },
      config: { headers: { authorization: "hidden" } },
    });
    const line = lineOf({ err: error });
    expect(JSON.stringify(line)).not.toContain("hidden");
    expect(line).toMatchObject({
      msg: "something failed",
      err: {
        type: "TypeError",
        message: "Invalid URL",
        code: "ERR_INVALID_URL",
        stack: expect.stringContaining("at "),
      },
    });
  });

  it("is the stack of what the system refused: it would show the insides of Node, and the words say it all", async () => {
    const error: unknown = await open("/nowhere/audit.jsonl", "a").catch((refused: unknown) => refused);
    expect(lineOf({ err: error })["err"]).toEqual({
      type: "Error",
      message: "ENOENT: no such file or directory, open '/nowhere/audit.jsonl'",
      code: "ENOENT",
    });
  });

  it("is what was thrown and is no error: it can be anything", () => {
    expect(lineOf({ err: "hidden" })["err"]).toEqual({ type: "string" });
  });

  it("leaves an error its cause", () => {
    const error = new Error("no token could be taken", { cause: new Error("the store is away") });
    expect(lineOf({ err: error })).toMatchObject({ err: { message: "no token could be taken: the store is away" } });
  });
});
