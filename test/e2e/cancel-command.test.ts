// `ota-gateway cancel` and `quota` as users run them: the program, a gateway and an emulator, at twenty times the
// usual quota.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { DEFAULTS } from "../../src/emulator/options.js";
import { seededName } from "../../src/emulator/state/seeded-name.js";
import {
  type EmulatorProgram,
  endPrograms,
  type GatewayProgram,
  type Program,
  run,
  runEmulator,
  runGateway,
  until,
} from "../support/processes.js";

const DEVICES = 20_000;
const UNKNOWN = 5;
const SCOPE = ["--product-key", DEFAULTS.productKey, "--firmware-id", DEFAULTS.firmwareId];

const folder = mkdtempSync(join(tmpdir(), "ota-gateway-cancel-"));
const inFolder = (name: string) => join(folder, name);
let emulator: EmulatorProgram;
let gateway: GatewayProgram;

beforeAll(async () => {
  emulator = await runEmulator("--quota", "200", "--devices", String(DEVICES));
  gateway = await runGateway(emulator.url, { OTA_QUOTA_CALLS_PER_SECOND: "200" });
  await gateway.opened();
});
afterAll(async () => {
  await endPrograms();
  rmSync(folder, { recursive: true, force: true });
});

function cancel(...args: string[]): Program {
  return run(["cancel", "--address", gateway.grpc, ...SCOPE, ...args]);
}

async function ended(program: Program) {
  const code = await program.ended;
  return { code, stdout: program.stdout, stderr: program.stderr };
}

interface Row {
  readonly device_name: string;
  readonly outcome: string;
}

function rows(file: string): Row[] {
  return readFileSync(file, "utf8")
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as Row);
}

describe("ota-gateway cancel", () => {
  it("tells a list with many unknown devices apart to the last one (was: nothing of it was canceled, however often)", async () => {
    const list = Array.from({ length: 200 }, (_, n) => (n % 5 === 2 ? `no-such-device-${n}` : seededName(n)));
    writeFileSync(inFolder("spoiled.txt"), list.join("\n"));
    const results = inFolder("spoiled.jsonl");
    const { code, stdout } = await ended(cancel("--devices-file", inFolder("spoiled.txt"), "--output", results));
    expect(code).toBe(1);
    expect(stdout).toMatch(/accepted +160\n +rejected +40\n/);
    for (const { device_name, outcome } of rows(results)) {
      expect(outcome, device_name).toBe(device_name.startsWith("no-such") ? "REJECTED" : "ACCEPTED");
    }
  });

  it("says why nothing goes on while the cloud is out of reach (was: 0 devices a second, without a word)", async () => {
    const cutOff = await runGateway("http://127.0.0.1:1");
    const program = run(["cancel", "--address", cutOff.grpc, ...SCOPE, "dev-0000"]);
    const [line] = await program.said(/^waiting: .*ECONNREFUSED.*$/m);
    expect(line).toBe("waiting: no call is answered: no connection to the upstream (ECONNREFUSED)");
    program.kill("SIGINT");
    expect((await ended(program)).code).toBe(1);
  });

  it("accounts for every device of a long list, through a Ctrl-C and a kill, each accepted once", async () => {
    const known = Array.from({ length: DEVICES }, (_, n) => seededName(n));
    const unknown = Array.from({ length: UNKNOWN }, (_, n) => `no-such-device-${n}`);
    const list = [...known.slice(0, 7000), ...unknown, ...known.slice(7000), "bad name", ...known.slice(0, 30)];
    writeFileSync(inFolder("names.txt"), list.join("\n"));
    const results = inFolder("results.jsonl");
    const file = ["--devices-file", inFolder("names.txt")];

    const first = cancel(...file, "--output", results);
    await until(() => lines(results) > 2000);
    first.kill("SIGINT");
    const stopped = await ended(first);
    expect(stopped.code).toBe(1);
    expect(stopped.stdout).toContain("Stopped before the end.");
    expect(stopped.stdout).toContain(`--resume ${results}`);

    const before = lines(results);
    const second = cancel(...file, "--resume", results);
    await until(() => lines(results) > before + 2000);
    second.kill("SIGKILL");
    await second.ended;

    const last = await ended(cancel(...file, "--resume", results, "--json"));
    expect(last.code).toBe(1); // five were refused
    expect(JSON.parse(last.stdout)).toMatchObject({
      complete: false,
      interrupted: false,
      failed: UNKNOWN,
      invalid_names: 1,
      duplicates: 30,
      failures: [{ outcome: "REJECTED", reason: "iot.device.NotExistedDevice", devices: UNKNOWN }],
    });
    const all = rows(results);
    const outcomes = new Map(all.map(({ device_name, outcome }) => [device_name, outcome]));
    const accepted = all.filter(({ outcome }) => outcome === "ACCEPTED").map(({ device_name }) => device_name);
    expect(accepted.sort()).toEqual(known.sort());
    for (const name of unknown) expect(outcomes.get(name)).toBe("REJECTED");
    expect(outcomes.size).toBe(DEVICES + UNKNOWN + 1);
    expect((await emulator.stats()).devicesCanceled).toBe(DEVICES);
  });

  it("ends with 0 if every device was accepted, from a pipe of CSV to CSV", async () => {
    writeFileSync(inFolder("some.csv"), `id,serial\n1,${seededName(0)}\n2,"${seededName(1)}"\n`);
    const file = ["--devices-file", inFolder("some.csv")];
    const { code, stdout } = await ended(cancel(...file, "--column", "serial", "--output", inFolder("out.csv")));
    expect([code, stdout]).toEqual([0, expect.stringContaining("Every device ended well.")]);
    expect(readFileSync(inFolder("out.csv"), "utf8")).toMatch(
      new RegExp(`^device_name,outcome,.*\n${seededName(0)},ACCEPTED,.*\n${seededName(1)},ACCEPTED,.*\n$`),
    );
  });

  it("tells with --dry-run what it would take, and sends nothing", async () => {
    const { arrivals } = await emulator.stats();
    const { code, stdout } = await ended(cancel("--dry-run", "--devices-file", inFolder("names.txt")));
    expect(stdout).toMatch(/^20,005 devices would take 101 calls: /);
    expect(stdout).toMatch(/^ {2}line 20006: "bad name" is not a device name: must be 4-32 of /m);
    expect(code).toBe(1); // one line is no name
    expect((await emulator.stats()).arrivals).toBe(arrivals);
  });

  it("reads with --dry-run --check which devices exist, lists them, and cancels nothing", async () => {
    const { arrivals } = await emulator.stats();
    const stale = [seededName(DEVICES), seededName(DEVICES + 1)];
    writeFileSync(inFolder("some.txt"), [seededName(0), ...stale, seededName(1), seededName(2)].join("\n"));
    const list = ["--devices-file", inFolder("some.txt"), "--output", inFolder("checked.csv")];
    const { code, stdout } = await ended(cancel("--dry-run", "--check", "--json", ...list));
    expect(JSON.parse(stdout)).toMatchObject({ existing: 3, missing: 2, not_read: 0, missing_examples: stale });
    const rows = readFileSync(inFolder("checked.csv"), "utf8");
    for (const name of stale) expect(rows).toContain(`\n${name},REJECTED,`);
    expect(rows.match(/,NOT_ATTEMPTED,,,/g)).toHaveLength(3);
    expect(code).toBe(1);
    expect((await ended(cancel("--dry-run", "--check", seededName(0)))).code).toBe(0);
    expect((await emulator.stats()).arrivals).toBe(arrivals);
  });

  it.each([
    ["--check without --dry-run", ["--check", "dev-0"], 2, "--check goes with --dry-run"],
    ["--column without a file", ["--column", "serial", "dev-0"], 2, "--column is about the file of --devices-file"],
    ["no devices", [], 2, "no devices given"],
    ["a file that is not there", ["--devices-file", "/nowhere/x"], 2, "/nowhere/x does not exist"],
    ["an empty file", ["--devices-file", "/dev/null"], 2, "/dev/null names no device"],
    ["a priority that there is not", ["--priority", "now", "dev-0"], 2, "Allowed choices are bulk, normal, urgent"],
    ["results of a kind that there is not", ["--output", "x.txt", "dev-0"], 2, "must end in .csv or .jsonl"],
    ["an account that is not configured", ["--account", "other", "dev-0"], 1, "--account is not configured"],
    ["an id that cannot be one", ["--job-id", "a b", "dev-0"], 1, "--job-id must be 1-64 printable ASCII characters"],
  ])("says what to do about %s", async (_, args, code, message) => {
    const end = await ended(cancel(...args));
    expect(end.stderr).toContain(message);
    expect(end.code).toBe(code);
  });

  it("says what to do when no gateway listens", async () => {
    const address = "127.0.0.1:1";
    const { code, stderr } = await ended(run(["cancel", "--address", address, ...SCOPE, "dev-0"]));
    expect([code, stderr]).toEqual([1, expect.stringContaining(`no gateway listens at ${address}. Start one`)]);
  });
});

describe("ota-gateway quota", () => {
  it("tells how the account stands, as text and as JSON", async () => {
    const text = await ended(run(["quota", "--address", gateway.grpc]));
    expect([text.code, text.stdout]).toEqual([
      0,
      expect.stringMatching(/^account +default\nquota +200 calls a second\n/),
    ]);
    const json = await ended(run(["quota", "--address", gateway.grpc, "--json"]));
    expect(JSON.parse(json.stdout)).toMatchObject({ account: "default", callsPerSecond: 200, ledger: "IN_PROCESS" });
  });

  it("tells it again every second with --watch, until it is stopped", async () => {
    const watching = run(["quota", "--address", gateway.grpc, "--watch"]);
    await until(() => watching.stdout.split("\n").length > 2);
    watching.kill("SIGINT");
    const { code, stdout } = await ended(watching);
    expect([code, stdout]).toEqual([0, expect.stringMatching(/^(\S+Z default: \d+ of 200 tokens free, .*\n){2,}$/)]);
  });
});

/** Zero while there is no file. */
function lines(file: string): number {
  try {
    return readFileSync(file, "utf8").split("\n").length - 1;
  } catch {
    return 0;
  }
}
