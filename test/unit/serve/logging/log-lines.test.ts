import { PassThrough } from "node:stream";
import { pino } from "pino";
import pretty from "pino-pretty";
import { describe, expect, it, onTestFinished } from "vitest";
import { forTerminal, inJson, logWarnings } from "../../../../src/serve/logging/log-lines.js";
import { FakeLog } from "../../../support/fake-log.js";
import { until } from "../../../support/processes.js";

/** A colour, a window's title, a line of its own, an order of letters that is not theirs. */
const FORGERY = '\u001b[31m\u009b2J\u001b]0;title\u0007"}\r\n{"level":30}\u2028\u202egnp\u200b';

/** What a log writes of a caller's name and an error that are both hostile. */
function written(through: (to: PassThrough) => { write(line: string): void }): string {
  const to = new PassThrough();
  const log = pino({ level: "info" }, through(to));
  log.info({ caller: FORGERY, nested: { cause: FORGERY } }, "rpc");
  log.error({ err: new Error(FORGERY) }, "internal error");
  let text = "";
  for (let chunk = to.read(); chunk !== null; chunk = to.read()) text += chunk; // Node 26 reads one at a time
  return text;
}

describe("inJson", () => {
  it("writes lines of visible characters that read back as what was logged", () => {
    const lines = written(inJson).trimEnd().split("\n");
    expect(lines).toHaveLength(2);
    for (const line of lines) expect(line).not.toMatch(/[\p{C}\p{Zl}\p{Zp}]/u);
    expect(JSON.parse(lines[0] as string)).toMatchObject({ caller: FORGERY, nested: { cause: FORGERY }, msg: "rpc" });
  });
});

describe("forTerminal", () => {
  it("leaves nothing of a caller's to the terminal: pino-pretty writes `caller` and errors as they are", () => {
    const text = written((to) => {
      const readable = pretty({ destination: to, sync: true, colorize: false });
      return forTerminal(readable);
    });
    expect(text.replaceAll("\n", "")).not.toMatch(/[\p{C}\p{Zl}\p{Zp}]/u);
    expect(text).toContain("\\u{1B}[31m");
    expect(text.split("\n").some((line) => line.startsWith('{"level"'))).toBe(false);
  });

  it("keeps the lines of a stack, to be read", () => {
    expect(written((to) => forTerminal(to))).toMatch(/"stack":"Error: .*\\n {4}at /);
  });
});

describe("logWarnings", () => {
  it("makes a line of the log of what Node warns of", async () => {
    const before = process.listeners("warning");
    onTestFinished(() => {
      process.removeAllListeners("warning");
      for (const listener of before) process.on("warning", listener);
    });
    const log = new FakeLog();
    logWarnings(log);
    process.emitWarning("something is odd", "OddWarning");
    await until(() => log.lines.length > 0);
    expect(log.lines).toMatchObject([
      { level: "warn", message: "Node warns", fields: { warning: "OddWarning", cause: "something is odd" } },
    ]);
  });
});
