import { execFileSync } from "node:child_process";
import {
  appendFileSync,
  chmodSync,
  closeSync,
  constants,
  existsSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { LineBatch } from "../../../../src/base/line-queue.js";
import { AuditFile } from "../../../../src/observe/audit/audit-file.js";

function batchOf(text: string, written = 0): LineBatch {
  return { bytes: Buffer.from(text), written };
}

describe("AuditFile", () => {
  let folder: string;
  let path: string;
  let file: AuditFile;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "audit-file-"));
    path = join(folder, "audit.jsonl");
    file = new AuditFile(path);
  });
  afterEach(async () => {
    await file.close();
    rmSync(folder, { recursive: true });
  });

  const write = (text: string) => file.write(batchOf(text));
  const read = (name = path) => readFileSync(name, "utf8");

  it.each([
    [0o666, 1],
    [0o644, 1],
    [0o640, 0],
    [0o600, 0],
  ])("says when the file that is there is open to all: mode %o", async (mode, times) => {
    writeFileSync(path, "");
    chmodSync(path, mode);
    const told: string[] = [];
    const other = new AuditFile(path, (each) => void told.push(each));
    await other.write(batchOf("a\n"));
    await other.close();
    expect(told).toEqual(Array(times).fill(path));
  });

  it("appends to an existing file; only owner and group can read it", async () => {
    writeFileSync(path, "before\n");
    await write("a\n");
    await write("b\n");
    expect(read()).toBe("before\na\nb\n");
    unlinkSync(path);
    await write("c\n");
    const { mode } = statSync(path);
    expect([mode & 0o600, mode & 0o037]).toEqual([0o600, 0]);
  });

  it("opens with an empty batch", async () => {
    await write("");
    expect(read()).toBe("");
  });

  it("writes where the path points once the file was renamed", async () => {
    await write("a\n");
    renameSync(path, `${path}.1`);
    await write("b\n");
    expect(read(`${path}.1`)).toBe("a\n");
    expect(read()).toBe("b\n");
  });

  it("writes to the file that somebody else has put in its place", async () => {
    await write("a\n");
    renameSync(path, `${path}.1`);
    writeFileSync(path, "");
    await write("b\n");
    expect(read()).toBe("b\n");
  });

  it("makes the file again once it was removed", async () => {
    await write("a\n");
    unlinkSync(path);
    await write("b\n");
    expect(read()).toBe("b\n");
  });

  it("goes on at the beginning once the file was emptied", async () => {
    await write("a\n");
    truncateSync(path);
    await write("b\n");
    expect(read()).toBe("b\n");
  });

  it("opens the file again when asked, even if the path still names the same file", async () => {
    await write("a\n");
    appendFileSync(path, "half a line");
    file.reopen();
    await write("b\n"); // what is opened is looked at
    expect(read()).toBe("a\nhalf a line\nb\n");
    appendFileSync(path, "half a line");
    await write("c\n"); // once only
    expect(read()).toBe("a\nhalf a line\nb\nhalf a linec\n");
  });

  it("ends a line that a process which was killed has left unended", async () => {
    writeFileSync(path, '{"time":"2026');
    await write("a\n");
    expect(read()).toBe('{"time":"2026\na\n');
  });

  it("goes on within a line that was broken off, in the same file", async () => {
    await write("first\n");
    appendFileSync(path, "sec");
    await file.write(batchOf("zero\nsecond\n", 8));
    expect(read()).toBe("first\nsecond\n");
  });

  it("begins a line that was broken off again, in another file", async () => {
    await write("first\n");
    renameSync(path, `${path}.1`);
    await file.write(batchOf("zero\nsecond\nthird\n", 8));
    expect(read()).toBe("second\nthird\n");
  });

  it("begins a line that was broken off again once the file was emptied (was: left half of it)", async () => {
    await write("first\n");
    truncateSync(path); // to make room on a full disk
    await file.write(batchOf("zero\nsecond\nthird\n", 8));
    expect(read()).toBe("second\nthird\n");
  });

  it("rejects while the disk is full, and writes the same batch once it is not", async () => {
    symlinkSync("/dev/full", path);
    const batch = batchOf("a\nb\n");
    await expect(file.write(batch)).rejects.toMatchObject({ code: "ENOSPC" });
    await expect(file.write(batch)).rejects.toMatchObject({ code: "ENOSPC" });
    unlinkSync(path);
    await file.write(batch);
    expect(read()).toBe("a\nb\n");
  });

  it("stays within its line while the disk is full", async () => {
    symlinkSync("/dev/full", path);
    const batch = batchOf("zero\nsecond\n");
    await expect(file.write(batch)).rejects.toMatchObject({ code: "ENOSPC" });
    batch.written = 8; // a full disk may take a part
    await expect(file.write(batch)).rejects.toMatchObject({ code: "ENOSPC" });
    expect(batch.written).toBe(8);
  });

  it("rejects while there is no folder, or a folder in its place", async () => {
    const missing = new AuditFile(join(folder, "missing", "audit.jsonl"));
    await expect(missing.write(batchOf("a\n"))).rejects.toMatchObject({ code: "ENOENT" });
    await expect(new AuditFile(folder).write(batchOf("a\n"))).rejects.toMatchObject({ code: "EISDIR" });
    expect(existsSync(join(folder, "missing"))).toBe(false);
  });

  it("does not wait for a reader of a named pipe", async () => {
    execFileSync("sh", ["-c", 'mkfifo "$0"', path]);
    await expect(write("a\n")).rejects.toMatchObject({ code: "ENXIO" });
    const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    await write("b\n");
    const buffer = Buffer.alloc(10);
    expect(buffer.toString("utf8", 0, readSync(reader, buffer))).toBe("b\n");
    closeSync(reader);
  });

  it("opens the file again after an error that does not pass", async () => {
    execFileSync("sh", ["-c", 'mkfifo "$0"', path]);
    const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    await write("a\n");
    closeSync(reader);
    await expect(write("b\n")).rejects.toMatchObject({ code: "EPIPE" });
    await expect(write("b\n")).rejects.toMatchObject({ code: "ENXIO" });
  });
});
