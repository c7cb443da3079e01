import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CommanderError } from "commander";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { configCommand } from "../../../src/cli/config.js";

let folder: string;
let path: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "config-"));
  path = join(folder, "gateway.yaml");
});
afterEach(() => {
  rmSync(folder, { recursive: true });
  process.exitCode = undefined;
  vi.unstubAllEnvs();
});

async function check(text: string, ...flags: string[]): Promise<{ out: string; code: unknown }> {
  writeFileSync(path, text);
  let out = "";
  const command = configCommand();
  for (const each of [command, ...command.commands]) {
    each.configureOutput({
      writeOut: (more) => {
        out += more;
      },
      writeErr: () => {},
    });
  }
  await command.parseAsync(["check", path, ...flags], { from: "user" });
  return { out: out.replaceAll(path, "FILE"), code: process.exitCode };
}

const GOOD = `accounts:
  default: {}
  lab:
    endpoint: "http://127.0.0.1:8088"
    quota: 3
    quotas: { CancelOTATaskByJob: 8 }
    counted: arrived
    credentials: { files: /run/secrets/lab }
callers:
  ops: { weight: 4, operations: all }
  lab-tests: { accounts: [lab], products: [a1Lights, "a1Lab*"], priorities: [], max_queued_devices: 9, verify: false }
`;

describe("configCommand", () => {
  it("shows what a good file gives, and ends with 0", async () => {
    const { out, code } = await check(GOOD);
    expect(code).toBe(0);
    // Both files are read at once, and either error may come first.
    expect(
      out.replace("access-key-secret cannot", "access-key-id cannot"),
    ).toBe(`warning: accounts.lab: no keys here: /run/secrets/lab/access-key-id cannot be read (ENOENT); \
/run/secrets/lab must hold the files access-key-id and access-key-secret, both readable by the gateway.
account  endpoint                      quota                             counted   keys from
default  iot.cn-shanghai.aliyuncs.com  10 a second                       answered  the gateway's own
lab      127.0.0.1:8088                3 a second, CancelOTATaskByJob 8  arrived   files in /run/secrets/lab

caller     weight  accounts  products         priorities  queued devices  verify  stop  operations
ops        4       all       all              all         default         yes     no    all
lab-tests  1       lab       a1Lights a1Lab*  none        9               no      no    own

all others are refused

The keys of each account need these permissions, the indispensable first (not checked here):
  iot:CancelOTATaskByDevice
    every cancel
  iot:BatchQueryDeviceDetail
    lists with devices that no longer exist, and \`check_devices\`; without it, each such device costs nine to ten canceling calls
  iot:BatchGetDeviceState
    the same, five times as fast, where the cloud turns out to support it
  iot:ListOTAJobByFirmware, iot:QueryOTAJob, iot:ListOTATaskByJob
    \`GetRollout\`
  iot:CancelOTAStrategyByJob, iot:CancelOTATaskByJob, iot:ListOTAJobByFirmware, iot:QueryOTAJob, iot:ListOTATaskByJob
    \`StopRollout\`
  iot:ListOTATaskByJob, iot:ListOTAUnfinishedTaskByDevice
    \`verify\`, with a \`job_id\` and without
`);
  });

  it("says who everybody else is, and whether there is anybody at all", async () => {
    const { out } = await check('callers: { "*": {} }\n');
    expect(out).toContain("\n* (all others)  1 ");
    expect(out).not.toContain("refused");
    expect((await check("")).out).toContain("\nno callers: every caller may do everything\n");
  });

  it("prints every mistake, repeats no key that somebody wrote there, and ends with 1", async () => {
    const bad = 'accounts: { a: { credentials: { secret: s3cr3t } } }\ncallers: { "x y": { weight: 0 } }\n';
    const { out, code } = await check(bad);
    expect(code).toBe(1);
    expect(out.match(/^FILE: /gm)).toHaveLength(3);
    expect(out).toContain("\n3 mistake(s)\n");
    expect(out).not.toContain("s3cr3t");
    expect((await check("callers: [")).code).toBe(1);
  });

  it("spells out what of a name a reader would not see, or a terminal would obey", async () => {
    const bad = 'callers: { "\\u202Egro.live\\u009b2J": { weight: 1 }, "*": { products: ["a\\u202Eb"] } }\n';
    const { out } = await check(bad);
    expect(out).not.toMatch(/[^\P{C}\n]/u);
    expect(out).toContain("\\u{202E}");
    const { out: json } = await check(bad, "--json");
    expect(json).not.toMatch(/[^\P{C}\n]/u);
    expect(JSON.parse(json).mistakes).toContainEqual(expect.stringContaining("\u202E"));
  });

  it("prints JSON that a program can read", async () => {
    const good = JSON.parse((await check(GOOD, "--json")).out);
    expect(good).toMatchObject({ ok: true, mistakes: [], warnings: [expect.stringContaining("no keys here")] });
    expect(good.accounts.lab).toEqual({
      endpoint: "127.0.0.1:8088",
      quota: 3,
      quotas: { CancelOTATaskByJob: 8 },
      counted: "arrived",
      credentials: "files in /run/secrets/lab",
    });
    expect(good.callers["lab-tests"]).toEqual({
      weight: 1,
      accounts: ["lab"],
      products: ["a1Lights", "a1Lab*"],
      priorities: [],
      max_queued_devices: 9,
      verify: false,
      stop_rollouts: false,
      operations: "own",
    });
    expect(good.callers.ops.operations).toBe("all"); // was: not a word of who may see all operations
    const bad = JSON.parse((await check("callers: 7", "--json")).out);
    expect(bad).toEqual({ ok: false, mistakes: ["FILE: callers: expected a mapping"] });
  });

  it("warns of mistakes in the variables of networks and telemetry, and takes a proxy that is none for one", async () => {
    vi.stubEnv("OTEL_TRACES_SAMPLER", "sometimes");
    vi.stubEnv("SSL_CERT_FILE", "/no/such/file");
    const { out, code } = await check(GOOD);
    expect(code).toBe(0);
    expect(out).toMatch(/^warning: OTEL_TRACES_SAMPLER: expected always_on, .*\nwarning: SSL_CERT_FILE: /);
    expect(JSON.parse((await check(GOOD, "--json")).out).warnings).toHaveLength(3);
    vi.stubEnv("HTTPS_PROXY", "socks5://me:s3cr3t@proxy");
    const bad = await check(GOOD);
    expect(bad).toMatchObject({ code: 1, out: expect.stringContaining("HTTPS_PROXY: expected http://host:port") });
    expect(bad.out).not.toContain("s3cr3t");
  });

  it("warns of keys that are named and not there, without showing those that are (was: not a word)", async () => {
    const keys = join(folder, "keys");
    const text = `accounts: { a: { credentials: { env: EU_ } }, b: { credentials: { files: ${keys} } } }\n`;
    vi.stubEnv("EU_ALIBABA_CLOUD_ACCESS_KEY_ID", "s3cr3t");
    const { out, code } = await check(text);
    expect(code).toBe(0);
    expect(out).toMatch(/^warning: accounts\.a: no keys here: EU_ALIBABA_CLOUD_ACCESS_KEY_ID is set, but EU_.*\n/);
    expect(out).toMatch(
      /^warning: accounts\.b: no keys here: .*\/keys\/access-key-(id|secret) cannot be read \(ENOENT\)/m,
    );
    vi.stubEnv("EU_ALIBABA_CLOUD_ACCESS_KEY_SECRET", "s3cr3t");
    mkdirSync(keys);
    for (const name of ["access-key-id", "access-key-secret"]) writeFileSync(join(keys, name), "s3cr3t\n");
    const good = await check(text, "--json");
    expect(JSON.parse(good.out)).not.toHaveProperty("warnings");
    expect(out + good.out).not.toContain("s3cr3t");
  });

  it("warns of an endpoint in plain text that serve would refuse (was: not a word)", async () => {
    const text = 'accounts: { lab: { endpoint: "http://192.0.2.1:80" } }\n';
    expect((await check(text)).out).toMatch(
      /^warning: accounts\.lab: http:\/\/192\.0\.2\.1 would carry signed requests /,
    );
    vi.stubEnv("OTA_INSECURE", "1");
    expect((await check(text)).out).not.toContain("warning");
  });

  it.each(["none.yaml", "."])("ends with 2 for %s, which cannot be read as a file", async (path) => {
    const command = configCommand();
    command.commands[0]?.configureOutput({ writeErr: () => {} });
    const run = command.parseAsync(["check", join(folder, path)], { from: "user" });
    await expect(run).rejects.toMatchObject({ exitCode: 2, message: expect.stringContaining("cannot be read") });
    await expect(run).rejects.toBeInstanceOf(CommanderError);
  });
});
