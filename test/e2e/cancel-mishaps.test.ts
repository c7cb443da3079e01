// `ota-gateway cancel` when something around it goes wrong: its disk, its input, its flags. Against a service that
// accepts whatever comes.
import { execFileSync } from "node:child_process";
import {
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeEach, describe, expect, it, onTestFinished } from "vitest";
import { GatewayError } from "../../src/gateway/failures.js";
import { CancelTasksByDeviceResponse, GetQuotaResponse, Ledger } from "../../src/gen/ota/v1/ota_service.js";
import { statusOf } from "../../src/grpc/wire/status.js";
import { names } from "../support/fake-command.js";
import { accepted, answerOf, listenOta } from "../support/fake-ota-service.js";
import { endPrograms, type Program, run, type Surroundings, until } from "../support/processes.js";

const folder = mkdtempSync(join(tmpdir(), "ota-gateway-mishaps-"));
const inFolder = (name: string) => join(folder, name);
/** Of each request that came. */
const asked: (readonly string[])[] = [];
let address: string;

beforeEach(async () => {
  const refusal = new GatewayError({
    kind: "invalid",
    message: "no",
    violations: [{ field: "product_key", description: "must be something else" }],
  });
  asked.length = 0;
  address = await listenOta({
    quota: () => GetQuotaResponse.fromPartial({ callsPerSecond: 10, ledger: Ledger.OPENING }),
    cancel: ({ request: { deviceNames } }) => {
      asked.push(deviceNames);
      const plan = { calls: 5, expectedWait: { seconds: 0, nanos: 0 }, expectedDuration: { seconds: 1, nanos: 0 } };
      return CancelTasksByDeviceResponse.fromPartial({ plan });
    },
    stream: (call) => {
      call.on("data", ({ sequence, request }) => {
        const deviceNames = request?.deviceNames ?? [];
        asked.push(deviceNames);
        if (request?.productKey === "slow") return;
        const answer =
          request?.productKey === "bad" ? { error: statusOf(refusal) } : { response: accepted(deviceNames) };
        call.write(answerOf(sequence, answer));
      });
      call.on("end", () => call.end());
    },
  });
});
afterAll(async () => {
  await endPrograms();
  rmSync(folder, { recursive: true, force: true });
});

function cancel(args: readonly string[], surroundings?: Surroundings, productKey = "a1"): Program {
  const flags = ["--address", address, "--product-key", productKey, "--firmware-id", "f1"];
  return run(["cancel", ...flags, ...args], {}, surroundings);
}

async function ended(program: Program) {
  const code = await program.ended;
  return { code, stdout: program.stdout, stderr: program.stderr };
}

describe.each(["csv", "jsonl"])("ota-gateway cancel on a full disk, in %s", (format) => {
  it("stops, tells how many results are missing, and resumes where the file ends", async () => {
    const results = inFolder(`full.${format}`);
    const list = inFolder("list.txt");
    writeFileSync(list, names(3000).join("\n"));
    const file = ["--devices-file", list];
    const full = await ended(cancel([...file, "--output", results], { through: ["prlimit", "--fsize=100000"] }));
    expect(full.stderr).toContain(`error: ${results} cannot be written: EFBIG: file too large`);
    expect(full.stderr).not.toMatch(/^ +at /m);
    expect(full.stdout).toContain("Stopped before the end.");
    expect(full.stdout).toContain(`--resume ${results}`);
    expect(full.code).toBe(1);
    const [, devices = ""] = /^([\d,]+) devices in/m.exec(full.stdout) ?? [];
    const [, missing = ""] = /It lacks ([\d,]+) results/.exec(full.stdout) ?? [];
    const written = readFileSync(results, "utf8").split("\n").length - (format === "csv" ? 2 : 1);
    expect(figure(devices) - figure(missing)).toBe(written);

    asked.length = 0;
    const rest = await ended(cancel([...file, "--resume", results, "--json"]));
    expect(rest.code).toBe(0);
    expect(JSON.parse(rest.stdout)).toMatchObject({ complete: true, skipped: written, ok: 3000 - written });
    expect(asked.flat()).toHaveLength(3000 - written);
  });
});

const FROM_STDIN = ["--devices-file", "-"];

describe("ota-gateway cancel with names from a producer that is quiet", () => {
  it.each(["SIGINT", "SIGTERM", "SIGHUP"] as const)("ends at once at %s", async (signal) => {
    const program = cancel([...FROM_STDIN, "--output", "-"], { stdin: "pipe" });
    program.stdin?.write("dev-0\n");
    await program.said(/"device_name":"dev-0","outcome":"ACCEPTED"/);
    program.kill(signal);
    const { code, stderr } = await ended(program);
    expect([code, stderr]).toEqual([1, expect.stringContaining("Stopped before the end.")]);
  });

  it("writes down what it knows when its terminal is closed, which is told twice (was: it was gone at once)", async () => {
    const results = inFolder("hangup.jsonl");
    const hung = cancel([...FROM_STDIN, "--output", results], { stdin: "pipe" }, "slow");
    hung.stdin?.write("dev-0\n");
    await until(() => asked.length > 0);
    hung.kill("SIGHUP"); // by the shell
    hung.kill("SIGHUP"); // and by the system
    const { code, stdout } = await ended(hung);
    expect([code, stdout]).toEqual([1, expect.stringContaining(`--resume ${results}`)]);
    expect(readFileSync(results, "utf8")).toContain('"device_name":"dev-0","outcome":"UNKNOWN"');
  });

  it("ends at once at a signal before the first name", async () => {
    const program = cancel([...FROM_STDIN, "--output", inFolder("none.jsonl")], { stdin: "pipe" });
    await program.said(/The gateway.s ledger is opening/);
    program.kill("SIGINT");
    const { code, stdout } = await ended(program);
    expect([code, stdout]).toEqual([1, expect.stringContaining("Stopped before the end.")]);
    expect(stdout).not.toContain("--resume");
    expect(existsSync(inFolder("none.jsonl"))).toBe(false); // or the same command would be refused
  });

  it("ends at once at a signal in a --dry-run", async () => {
    const program = cancel([...FROM_STDIN, "--dry-run"], { stdin: "pipe" });
    program.stdin?.write(`${names(1000).join("\n")}\n`);
    await until(() => asked.length > 0);
    program.kill("SIGINT");
    const { code, stderr } = await ended(program);
    expect([code, stderr]).toEqual([1, expect.stringContaining("Stopped before the end.")]);
  });

  it("ends at once at a signal while it reads a named pipe", async () => {
    const pipe = inFolder("pipe");
    execFileSync("mkfifo", [pipe]);
    const writer = openSync(pipe, "r+"); // with both ends open it does not wait for a reader
    onTestFinished(() => closeSync(writer));
    writeSync(writer, "dev-0\n");
    const program = cancel(["--devices-file", pipe]);
    await program.said(/The gateway.s ledger is opening/);
    program.kill("SIGINT");
    const { code, stdout } = await ended(program);
    expect([code, stdout]).toEqual([1, expect.stringContaining("Stopped before the end.")]);
  });

  it("ends when it is refused", async () => {
    const program = cancel(FROM_STDIN, { stdin: "pipe" }, "bad");
    program.stdin?.write("dev-0\n");
    const { code, stderr } = await ended(program);
    expect([code, stderr]).toEqual([1, expect.stringContaining("--product-key must be something else")]);
  });

  it("ends when the column does not exist", async () => {
    const program = cancel([...FROM_STDIN, "--column", "serial"], { stdin: "pipe" });
    program.stdin?.write("id,name\n1,dev-0\n");
    const { code, stderr } = await ended(program);
    expect([code, stderr]).toEqual([2, expect.stringContaining('has no column "serial"')]);
  });
});

describe("ota-gateway cancel with results that nobody reads", () => {
  it("stops at the first Ctrl-C, and ends at the second (was: it heard neither)", async () => {
    const list = inFolder("unread.txt");
    writeFileSync(list, names(3000).join("\n"));
    const unread = 'exec "$@" > >(exec sleep 30 >&- 2>&-)';
    const program = cancel(["--devices-file", list, "--output", "-"], { through: ["bash", "-c", unread, "-"] });
    await until(() => asked.flat().length === 3000);
    program.kill("SIGINT");
    await program.said(/stopping: the last answers are awaited/);
    program.kill("SIGINT");
    expect(await program.ended).toBe(1);
  });
});

describe("ota-gateway cancel with names that cannot be read to their end", () => {
  it("tells what became of those before, and exits with 1: it had begun", async () => {
    const results = inFolder("torn.jsonl");
    const args = ["--devices-file", "-", "--column", "serial", "--output", results];
    const program = cancel(args, { stdin: "pipe" });
    program.stdin?.write("serial\ndev-0\ndev-1\n");
    await until(() => existsSync(results) && readFileSync(results, "utf8").includes("ACCEPTED"));
    program.stdin?.end('"dev-2');
    const { code, stdout, stderr } = await ended(program);
    expect(stderr).toContain("standard input is not CSV: Quote Not Closed");
    expect(stdout).toMatch(/^2 devices in /);
    expect(stdout).toContain(`--resume ${results}`);
    expect(code).toBe(1);
  });
});

describe("ota-gateway cancel with lines that hold no device name", () => {
  it('says of each why, in the summary and in the results (was: that "" has 0 characters)', async () => {
    const results = inFolder("holes.jsonl");
    const file = inFolder("holes-names.jsonl");
    writeFileSync(file, '{"device_name":"dev-0"}\n{"id":"dev-1"}\n{torn\n"bad name"\n');
    const { code, stdout } = await ended(cancel(["--devices-file", file, "--output", results]));
    const noKey = 'line 2 has no key "device_name"; name the key with --column KEY';
    const badName = "is not a device name: must be 4-32 of A-Za-z0-9-_@.:, has U+0020 at 4";
    expect(stdout).toContain(`  ${noKey}\n  line 3 is not JSON\n  line 4: "bad name" ${badName}\n`);
    expect(code).toBe(1);
    const rows = readFileSync(results, "utf8").trimEnd().split("\n");
    expect(rows.map((row) => JSON.parse(row)).filter(({ outcome }) => outcome === "NOT_ATTEMPTED")).toMatchObject([
      { device_name: "(line 2)", message: noKey },
      { device_name: "(line 3)", message: "line 3 is not JSON" },
      { device_name: "bad name", message: `line 4 ${badName}` },
    ]);
  });
});

describe("ota-gateway cancel with lists as spreadsheets write them", () => {
  it.each([
    {
      what: "semicolons, in UTF-16",
      bytes: Buffer.from("\ufeffDeviceName;Site\r\ndev-0;Köln\r\n", "utf16le"),
      taken: 'CSV, separated by semicolons, names in column 1 "DeviceName" of 2 (utf-16le)',
    },
    {
      what: "a Chinese header",
      bytes: Buffer.from("\ufeff设备名称\ndev-0\n"),
      taken: 'CSV, names in column 1 "设备名称"',
    },
    {
      what: "a header, and the column by its number",
      bytes: Buffer.from("name,status\ndev-0,x\n"),
      flags: ["--column", "1"],
      taken: 'CSV, names in column 1 "name" of 2',
    },
  ])("reads one with $what, and says what it took it for", async ({ bytes, flags = [], taken }) => {
    const list = inFolder("sheet.csv");
    writeFileSync(list, bytes);
    const { code, stderr } = await ended(cancel(["--devices-file", list, ...flags]));
    expect([code, stderr]).toEqual([0, expect.stringContaining(`${list} read as ${taken}\n`)]);
    expect(asked).toEqual([["dev-0"]]);
  });
});

describe("ota-gateway cancel with a results file that another run writes", () => {
  it("refuses it, and takes it over once that run is gone, also if it was killed", async () => {
    const results = inFolder("shared.jsonl");
    const first = cancel([...FROM_STDIN, "--output", results], { stdin: "pipe" });
    first.stdin?.write("dev-0\n");
    await until(() => existsSync(results) && readFileSync(results, "utf8").includes("ACCEPTED"));
    const again = ["--resume", results, "dev-1"];
    const second = await ended(cancel(again));
    expect([second.code, second.stderr]).toEqual([
      2,
      expect.stringContaining(`${results} is being written by another run`),
    ]);
    expect(second.stderr).toContain(`:${first.pid}); wait for it, or delete ${results}.lock`);
    expect((await ended(cancel([...again, "--dry-run"]))).code).toBe(0); // it only reads
    first.kill("SIGKILL");
    await first.ended;
    expect((await ended(cancel(again))).code).toBe(0);
    expect(readdirSync(folder).filter((name) => name.includes("lock"))).toEqual([]);
  });
});

describe("ota-gateway results", () => {
  const row = (name: string, outcome: string, reason = "") =>
    `${JSON.stringify({ device_name: name, outcome, ...(reason && { reason, message: `${reason}!` }) })}\n`;

  it("counts the last result of each device, and names those that are left", async () => {
    const file = inFolder("counted.jsonl");
    const rows = [row("dev-0", "UNKNOWN", "ABORTED"), row("dev-1", "ACCEPTED"), row("dev-0", "ACCEPTED")];
    writeFileSync(
      file,
      `${rows.join("")}${row("dev-2", "REJECTED", "gone")}${row("a\u202eb", "NOT_ATTEMPTED", "x")}{"torn`,
    );
    const text = await ended(run(["results", file]));
    expect(text.code).toBe(1);
    expect(text.stdout).toBe(
      "4 devices\n\n  accepted          2\n  rejected: gone    1\n  not attempted: x  1\n\n" +
        "2 are left; --left names them, and cancel --resume tries them again.\n",
    );
    const json = JSON.parse((await ended(run(["results", file, "--json"]))).stdout);
    expect(json).toEqual({
      ...{ devices: 4, ok: 2, left: 2, outcomes: { ACCEPTED: 2, REJECTED: 1, NOT_ATTEMPTED: 1 } },
      failures: [
        { outcome: "REJECTED", reason: "gone", message: "gone!", devices: 1 },
        { outcome: "NOT_ATTEMPTED", reason: "x", message: "x!", devices: 1 },
      ],
    });
    expect((await ended(run(["results", file, "--left"]))).stdout).toBe("dev-2\na\\u{202E}b\n");
    const left = (await ended(run(["results", file, "--left", "--json"]))).stdout;
    expect(left).toContain('{"device_name":"dev-2","outcome":"REJECTED","reason":"gone","message":"gone!"}\n');
  });

  it("reads what cancel wrote, CSV included, and exits with 0 if nothing is left", async () => {
    const file = inFolder("written.csv");
    expect((await ended(cancel(["--output", file, "dev-0", "dev-1"]))).code).toBe(0);
    const { code, stdout } = await ended(run(["results", file]));
    expect([code, stdout]).toEqual([0, "2 devices\n\n  accepted  2\n\nEvery device in it ended well.\n"]);
  });

  it.each([
    ["a file that is not there", "/nowhere/x.csv", "/nowhere/x.csv does not exist"],
    ["another file", "package.json", "package.json must end in .csv or .jsonl"],
  ])("exits with 2 for %s", async (_, file, message) => {
    const { code, stderr } = await ended(run(["results", file]));
    expect([code, stderr]).toEqual([2, expect.stringContaining(message)]);
  });
});

describe("ota-gateway cancel that cannot begin", () => {
  it.each([
    ["results that are not there, CSV", ["--resume", "/nowhere/x.csv", "dev-0"], "/nowhere/x.csv does not exist"],
    ["results that are not there", ["--resume", "/nowhere/x.jsonl", "dev-0"], "/nowhere/x.jsonl does not exist"],
    ["a folder for results", ["--resume", inFolder("folder.csv"), "dev-0"], "folder.csv cannot be read: EISDIR"],
    ["results in no folder", ["--output", "/nowhere/x.csv", "dev-0"], "/nowhere/x.csv cannot be written: ENOENT"],
    ["an empty input", ["--devices-file", "-", "--output", inFolder("empty.jsonl")], "standard input names no device"],
    ["an empty input, in a dry run", ["--devices-file", "-", "--dry-run"], "standard input names no device"],
    ["an empty file, in a dry run", ["--devices-file", "/dev/null", "--dry-run"], "/dev/null names no device"],
    ["no room for a header", ["--output", inFolder("tiny.csv"), "dev-0"], "tiny.csv cannot be written: EFBIG", 20],
  ])("says why with %s, and exits with 2", async (_, args, message, bytes = 1e9) => {
    mkdirSync(inFolder("folder.csv"), { recursive: true });
    const { code, stderr } = await ended(cancel(args, { through: ["prlimit", `--fsize=${bytes}`] }));
    expect(stderr).toContain(message);
    expect(stderr).not.toMatch(/^ +at /m);
    expect(code).toBe(2);
    expect(asked).toEqual([]);
    expect(existsSync(inFolder("empty.jsonl"))).toBe(false);
  });

  it("does not take a list for empty whose devices were all done before", async () => {
    const results = inFolder("done.jsonl");
    writeFileSync(inFolder("done.txt"), "dev-0\n");
    expect((await ended(cancel(["--output", results, "dev-0"]))).code).toBe(0);
    for (const more of [[], ["--dry-run"]]) {
      const args = ["--resume", results, "--devices-file", inFolder("done.txt"), ...more];
      expect((await ended(cancel(args))).code).toBe(0);
    }
  });
});

function figure(text: string): number {
  return Number(text.replaceAll(",", ""));
}
