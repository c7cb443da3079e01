import { execFileSync } from "node:child_process";
import {
  closeSync,
  constants,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
  symlinkSync,
  unlinkSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Destination } from "../../../../src/observe/audit/audit-file.js";
import { AuditLog, openAuditLog } from "../../../../src/observe/audit/audit-log.js";
import { auditStdout } from "../../../../src/observe/audit/audit-stdout.js";
import { FakeLog } from "../../../support/fake-log.js";
import { HandClock } from "../../../support/hand-clock.js";
import { eventually } from "./eventually.js";

const UNWRITABLE = "the audit log cannot be written; requests are still served";
const WRITTEN_AGAIN = "the audit log can be written again";
const UNWRITTEN = "the audit log was closed with unwritten lines; they are lost";

describe("AuditLog", () => {
  let folder: string;
  let path: string;
  let clock: HandClock;
  let log: FakeLog;
  let audit: AuditLog;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "audit-log-"));
    path = join(folder, "audit.jsonl");
    clock = new HandClock();
    log = new FakeLog();
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  const open = (name = path) => {
    audit = openAuditLog(name, { clock, log });
    return audit;
  };
  const read = (name = path) => (existsSync(name) ? readFileSync(name, "utf8") : "");
  const messages = () => log.lines.map(({ level, message }) => `${level}: ${message}`);
  /** Until the log rests: it waits for its next line, or for the time to try again. */
  const passed = async (ms: number, holds: () => boolean) => {
    await clock.advance(ms);
    await eventually(holds);
  };

  it("makes the file at the start, and writes lines in the order in which they came", async () => {
    open();
    await eventually(() => clock.armed === 1);
    expect(read()).toBe("");
    expect(existsSync(path)).toBe(true);
    const lines = Array.from({ length: 5000 }, (_, n) => `line ${n}\n`);
    for (const line of lines.slice(0, 10)) audit.append(line);
    await passed(50, () => read() === lines.slice(0, 10).join(""));
    for (const line of lines.slice(10)) audit.append(line);
    await audit.close();
    expect(read()).toBe(lines.join(""));
    expect(log.lines).toEqual([]);
    expect(clock.armed).toBe(0);
  });

  it("writes at once after a pause, and gathers what comes soon after", async () => {
    open();
    await eventually(() => clock.armed === 1);
    await clock.advance(50);
    audit.append("a\n");
    await eventually(() => read() === "a\n" && clock.armed === 1);
    audit.append("b\n");
    audit.append("c\n");
    await clock.advance(49);
    expect(read()).toBe("a\n");
    await passed(1, () => read() === "a\nb\nc\n");
    await audit.close();
  });

  it("says once that the disk is full, again after a minute, and then that it is not any more", async () => {
    symlinkSync("/dev/full", path);
    open();
    await eventually(() => clock.armed === 1);
    await clock.advance(50);
    audit.append("a\n");
    await eventually(() => log.lines.length === 1);
    expect(log.lines[0]).toMatchObject({ level: "error", fields: { err: { code: "ENOSPC" }, lost: 0 } });
    for (let n = 0; n < 59; n++) await passed(1000, () => clock.armed === 1);
    expect(messages()).toEqual([`error: ${UNWRITABLE}`]);
    for (let n = 0; n < 2; n++) await passed(1000, () => clock.armed === 1);
    expect(messages()).toEqual([`error: ${UNWRITABLE}`, `error: ${UNWRITABLE}`]);

    audit.append("b\n");
    unlinkSync(path);
    await passed(1000, () => log.lines.length === 3);
    expect(log.lines[2]).toMatchObject({ level: "info", fields: { lost: 0 }, message: WRITTEN_AGAIN });
    await audit.close();
    expect(read()).toBe("a\nb\n");
  });

  it("keeps no more than its bound, and leaves a note where lines are missing", async () => {
    symlinkSync("/dev/full", path);
    open();
    await eventually(() => clock.armed === 1);
    const long = "x".repeat(1 << 20);
    for (let n = 0; n < 20; n++) audit.append(`${n} ${long}\n`);
    audit.append("short\n");
    const { lost: lostUntilNow, waitingBytes } = audit.state();
    expect(waitingBytes).toBeGreaterThan(14 << 20);
    unlinkSync(path);
    await passed(1000, () => messages().includes(`info: ${WRITTEN_AGAIN}`));
    expect(messages()).toEqual([`error: ${UNWRITABLE}`, `info: ${WRITTEN_AGAIN}`]);
    audit.append("later\n");
    await audit.close();
    const told = read()
      .split("\n")
      .map((line) => (line.startsWith("{") ? (JSON.parse(line) as object) : line.slice(0, 6).trim()));
    const lost = Number(log.lines[1] && (log.lines[1].fields as { lost: number }).lost);
    expect(lost).toBeGreaterThan(3);
    expect(audit.state()).toEqual({ lost: lostUntilNow, waitingBytes: 0, waitingMs: 0 });
    expect(lostUntilNow).toBe(lost);
    expect(told.slice(0, 2)).toEqual(["0 xxxx", "1 xxxx"]);
    expect(told).toContainEqual(expect.objectContaining({ lost }));
    expect(told.slice(-3)).toEqual(["short", "later", ""]);
    expect(told).toHaveLength(20 - lost + 4);
  });

  it("counts the line that is being written among those that wait, and for how long none was (was: 0 bytes)", async () => {
    symlinkSync("/dev/full", path);
    open();
    await eventually(() => clock.armed === 1);
    expect(audit.state()).toEqual({ lost: 0, waitingBytes: 0, waitingMs: 0 });
    audit.append("a line\n");
    for (let n = 0; n < 10; n++) await passed(1000, () => clock.armed === 1);
    expect(audit.state()).toEqual({ lost: 0, waitingBytes: 7, waitingMs: 10_000 });
    unlinkSync(path);
    await passed(1000, () => read() === "a line\n" && clock.armed === 1);
    expect(audit.state()).toEqual({ lost: 0, waitingBytes: 0, waitingMs: 0 });
    await audit.close();
  });

  it("does not tell of every short trouble that cost no line", async () => {
    symlinkSync("/dev/full", path);
    open();
    await eventually(() => clock.armed === 1);
    for (const [n, written] of ["a\n", "a\nb\n"].entries()) {
      audit.append(written.slice(-2));
      await passed(1000, () => clock.armed === 1);
      renameSync(path, `${path}.full`);
      if (n > 0) renameSync(`${path}.1`, path);
      await passed(1000, () => read() === written && clock.armed === 1);
      renameSync(path, `${path}.1`);
      renameSync(`${path}.full`, path);
    }
    expect(messages()).toEqual([`error: ${UNWRITABLE}`, `info: ${WRITTEN_AGAIN}`]);
    unlinkSync(path);
    await audit.close();
  });

  it("waits for a folder that is missing at the start", async () => {
    const inside = join(folder, "missing", "audit.jsonl");
    open(inside).append("a\n");
    await eventually(() => log.lines.length === 1);
    expect(log.lines).toMatchObject([{ level: "error", fields: { err: { code: "ENOENT" } } }]);
    mkdirSync(join(folder, "missing"));
    await passed(1000, () => log.lines.length === 2);
    await audit.close();
    expect(read(inside)).toBe("a\n");
  });

  it("follows a rotation when told to, also without a line", async () => {
    open();
    await eventually(() => clock.armed === 1);
    await clock.advance(50);
    renameSync(path, `${path}.1`);
    audit.reopen();
    await eventually(() => existsSync(path));
    await audit.close();
  });

  it("tells its destination of a rotation", async () => {
    let reopened = 0;
    const reopen = () => {
      reopened++;
    };
    audit = new AuditLog({ write: async () => {}, reopen, close: async () => {} }, { clock, log });
    audit.reopen();
    await audit.close();
    expect(reopened).toBe(1);
  });

  it("is not well as long as a slow disk only just makes room", async () => {
    let free = () => {};
    const write = () => new Promise<void>((resolve) => (free = resolve));
    audit = new AuditLog({ write, reopen: () => {}, close: async () => {} }, { clock, log });
    const line = `${"x".repeat(999_999)}\n`;
    for (let n = 0; n < 20; n++) audit.append(line);
    expect(log.lines).toMatchObject([{ level: "error", fields: { lost: 1 }, message: UNWRITABLE }]);
    for (let n = 0; n < 5; n++) {
      free();
      await clock.advance(50);
    }
    expect(log.lines).toHaveLength(1);
    for (let n = 0; n < 20; n++) {
      free();
      await clock.advance(50);
    }
    expect(log.lines.slice(1)).toMatchObject([{ level: "info", fields: { lost: 4 }, message: WRITTEN_AGAIN }]);
  });

  it("gives up on a full disk when it closes, and says how many lines are missing", async () => {
    symlinkSync("/dev/full", path);
    open();
    audit.append("a\n");
    audit.append("b\n");
    await audit.close();
    expect(log.lines.at(-1)).toMatchObject({ level: "error", fields: { lines: 2 }, message: UNWRITTEN });
    expect(clock.armed).toBe(0);
  });

  it("gives up after two seconds on a write that never ends", async () => {
    const hanging: Destination = { write: () => new Promise(() => {}), reopen: () => {}, close: async () => {} };
    audit = new AuditLog(hanging, { clock, log });
    audit.append("a\n");
    const closed = audit.close().then(() => "closed");
    await clock.advance(1999);
    expect(await Promise.race([closed, "open"])).toBe("open");
    await clock.advance(1);
    expect(await closed).toBe("closed");
    expect(messages()).toEqual([`error: ${UNWRITTEN}`]);
  });

  it("says so if lines come after its end", async () => {
    open();
    await audit.close();
    audit.append("late\n");
    expect(log.lines).toMatchObject([{ level: "error", fields: { lost: 1 } }]);
  });

  describe("on a pipe", () => {
    let reader: number;
    let writer: number;
    beforeEach(() => {
      execFileSync("sh", ["-c", 'mkfifo "$0"', path]);
      reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
      writer = openSync(path, constants.O_WRONLY | constants.O_NONBLOCK);
      audit = new AuditLog(auditStdout(writer), { clock, log });
    });
    afterEach(() => closeSync(writer));

    const line = `${"x".repeat(299_999)}\n`; // a pipe holds 65,536 bytes

    it("waits for a reader that is slow, without a word", async () => {
      audit.append(line);
      audit.append("end\n");
      for (let n = 0; n < 100; n++) await clock.advance(50);
      const buffer = Buffer.alloc(20_000);
      let text = "";
      while (!text.endsWith("end\n")) {
        await passed(50, () => {
          try {
            text += buffer.toString("utf8", 0, readSync(reader, buffer));
            return true;
          } catch {
            return false; // nothing has come yet
          }
        });
      }
      expect(text).toBe(`${line}end\n`);
      await audit.close();
      expect(log.lines).toEqual([]);
      closeSync(reader);
    });

    it("ends in time although nobody reads", async () => {
      await eventually(() => clock.armed === 1);
      audit.append("read by nobody, but written\n");
      audit.append(line);
      await passed(50, () => clock.armed === 1);
      const closed = audit.close().then(() => "closed");
      for (let n = 0; n < 39; n++) await clock.advance(50);
      expect(await Promise.race([closed, "open"])).toBe("open");
      await clock.advance(50);
      await closed;
      expect(log.lines).toMatchObject([{ level: "error", fields: { lines: 1 }, message: UNWRITTEN }]);
      await passed(50, () => clock.armed === 0); // it does not try forever
      closeSync(reader);
    });

    it("says so once the reader is gone, and requests go on", async () => {
      closeSync(reader);
      await eventually(() => clock.armed === 1);
      audit.append("a\n");
      await passed(50, () => log.lines.length === 1);
      expect(log.lines).toMatchObject([{ level: "error", fields: { err: { code: "EPIPE" } } }]);
      audit.append("b\n");
      await audit.close();
      expect(log.lines.at(-1)).toMatchObject({ fields: { lines: 2 }, message: UNWRITTEN });
    });
  });
});
