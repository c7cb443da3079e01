import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { ConfigError, readConfig } from "../../../src/config/config.js";
import { readConfigFile } from "../../../src/config/file.js";

const DEFAULTS = { url: new URL("https://iot.example"), callsPerSecond: 10, counted: "answered" } as const;
const ALONE = { default: { ...DEFAULTS, credentials: { kind: "own" } } };

/** The path of a file with this text. */
function fileOf(text: string): string {
  const folder = mkdtempSync(join(tmpdir(), "ota-gateway-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const path = join(folder, "gateway.yaml");
  writeFileSync(path, text);
  return path;
}

function read(text: string) {
  const mistakes: string[] = [];
  const path = fileOf(text);
  const { accounts, callers } = readConfigFile(path, DEFAULTS, mistakes);
  return {
    accounts: Object.fromEntries(accounts),
    callers: Object.fromEntries(callers),
    mistakes: mistakes.map((mistake) => mistake.replace(path, "FILE")),
  };
}

describe("readConfigFile", () => {
  it("reads the callers' weights, 1 if there is none", () => {
    expect(
      read("callers:\n  fleet-backend: { weight: 4 }\n  spiffe://corp/ota: { weight: 0x10 }\n  plain: {}\n"),
    ).toEqual({
      accounts: ALONE,
      callers: {
        "fleet-backend": { weight: 4, verify: true },
        "spiffe://corp/ota": { weight: 16, verify: true },
        plain: { weight: 1, verify: true },
      },
      mistakes: [],
    });
  });

  it("takes an empty file for one that says nothing", () => {
    for (const text of ["", "# nothing yet\n"])
      expect(read(text)).toEqual({ accounts: ALONE, callers: {}, mistakes: [] });
  });

  it("does not take callers of whom there are none yet for leave to do everything (was: it did)", () => {
    for (const text of ["callers:\n", "callers: {}\n", "callers:\n  # ops: {}\n", "callers: []\n"]) {
      expect(read(text).mistakes).toContainEqual(expect.stringContaining("callers: expected at least one caller"));
    }
  });

  it("names every mistake at once, each with its place", () => {
    const { mistakes } = read(
      "calers: {}\ncallers:\n  a: { weight: 0 }\n  b: { weight: heavy, prio: 1 }\n  c: 3\n  d: { weight: 101 }\n  e: { weight: .nan }\n",
    );
    expect(mistakes).toEqual([
      "FILE: calers: expected no other setting than accounts, callers",
      "FILE: callers.a.weight: expected a number from 1 to 100",
      "FILE: callers.b.prio: expected no other setting than weight, accounts, products, priorities, max_queued_devices, verify, operations, stop_rollouts",
      "FILE: callers.b.weight: expected a number from 1 to 100",
      "FILE: callers.c: expected a mapping",
      "FILE: callers.d.weight: expected a number from 1 to 100",
      "FILE: callers.e.weight: expected a number from 1 to 100",
    ]);
  });

  it("reads accounts, each with an endpoint, a quota and keys of its own, or the process's", () => {
    const { accounts, mistakes } = read(`accounts:
  default: {}
  europe: { region: eu-central-1, quota: 20, counted: arrived, credentials: { env: EU_ } }
  lab:
    endpoint: http://127.0.0.1:8088
    credentials: { files: /run/secrets/lab }
`);
    expect(mistakes).toEqual([]);
    expect(accounts).toEqual({
      ...ALONE,
      europe: {
        url: new URL("https://iot.eu-central-1.aliyuncs.com"),
        callsPerSecond: 20,
        counted: "arrived",
        credentials: { kind: "env", prefix: "EU_" },
      },
      lab: {
        url: new URL("http://127.0.0.1:8088"),
        callsPerSecond: 10,
        counted: "answered",
        credentials: { kind: "files", directory: "/run/secrets/lab" },
      },
    });
  });

  it("reads quotas of other operations", () => {
    const { accounts } = read("accounts: { default: { quotas: { CancelOTATaskByJob: 8 } } }");
    expect(accounts["default"]?.quotas).toEqual({ CancelOTATaskByJob: 8 });
  });

  it("names every mistake of an account, and repeats no key that somebody wrote there", () => {
    const { mistakes } = read(`accounts:
  "bad name": {}
  a: { region: "eu/../x", quota: 0, counted: never, credentials: { accessKeySecret: s3cr3t } }
  b: { region: eu-central-1, endpoint: "https://x/path", quotas: { CancelOTATaskByJob: 0, Other: 3 }, qouta: 3 }
  c: 7
  d: { endpoint: "https://x/#path" }
`);
    expect(mistakes).toEqual([
      "FILE: accounts.bad name: expected a name of up to 63 letters, digits, - _ and .",
      "FILE: accounts.a.counted: expected answered or arrived",
      "FILE: accounts.a.quota: expected a whole number of calls a second, from 1 to 1000",
      "FILE: accounts.a.region: expected the name of a region, like eu-central-1",
      "FILE: accounts.a.credentials: expected either { env: PREFIX_ } or { files: DIRECTORY }; keys themselves do not belong in this file",
      "FILE: accounts.b.qouta: expected no other setting than endpoint, region, quota, quotas, counted, credentials",
      "FILE: accounts.b.quotas.Other: expected no other setting than ListOTATaskByJob, ListOTAUnfinishedTaskByDevice, BatchQueryDeviceDetail, BatchGetDeviceState, ListOTAJobByFirmware, QueryOTAJob, CancelOTAStrategyByJob, CancelOTATaskByJob",
      "FILE: accounts.b.quotas.CancelOTATaskByJob: expected a whole number of calls a second, from 1 to 1000",
      "FILE: accounts.b: expected an endpoint or a region, not both",
      "FILE: accounts.c: expected a mapping",
      "FILE: accounts.d.endpoint: expected an http or https address without path",
    ]);
  });

  it("reads the rights of callers, and of all others", () => {
    const { callers, mistakes } = read(`accounts: { default: {}, europe: {} }
callers:
  limited:
    accounts: [europe]
    products: [a1Exact, "a1Pre*", "*"]
    priorities: [BULK, NORMAL]
    max_queued_devices: 20000
    verify: false
    stop_rollouts: true
  nothing: { accounts: [], products: [], priorities: [] }
  "*":
`);
    expect(mistakes).toEqual([]);
    expect(callers).toEqual({
      limited: {
        weight: 1,
        accounts: new Set(["europe"]),
        products: { exact: new Set(["a1Exact"]), prefixes: ["a1Pre", ""] },
        priorities: new Set(["bulk", "normal"]),
        maxQueuedDevices: 20_000,
        verify: false,
        stopRollouts: true,
      },
      nothing: {
        weight: 1,
        verify: true,
        accounts: new Set(),
        products: { exact: new Set(), prefixes: [] },
        priorities: new Set(),
      },
      "*": { weight: 1, verify: true },
    });
  });

  it("names every mistake in rights, and callers that nobody can be", () => {
    const { mistakes } = read(`callers:
  two words: {}
  "": {}
  "a*": {}
  x:
    accounts: [nope]
    products: ["a*b", "", 7]
    priorities: [urgent]
    max_queued_devices: 0
    verify: "no"
  y: { products: ["a**"], priorities: BULK }
`);
    const name = 'a name of 1-128 of A-Za-z0-9_.:/@-, or "*"';
    expect(mistakes).toEqual([
      `FILE: callers.two words: expected ${name}`,
      `FILE: callers.: expected ${name}`,
      `FILE: callers.a*: expected ${name}`,
      "FILE: callers.x.max_queued_devices: expected a whole number of devices, from 1 to 100000000",
      "FILE: callers.x.verify: expected true or false",
      "FILE: callers.x.accounts: expected accounts of this file, which has no nope",
      "FILE: callers.x.products: expected a list of names",
      "FILE: callers.x.priorities: expected some of URGENT, NORMAL, BULK",
      "FILE: callers.y.products: expected product keys, with * only at the end; not a**",
      "FILE: callers.y.priorities: expected a list of names",
    ]);
  });

  it.each([
    ["what is no mapping", "- a\n- b\n", "FILE: the file: expected a mapping"],
    ["what is no YAML", "callers: [\n", "OTA_CONFIG: FILE cannot be read: "],
    [
      "a caller that is there twice",
      "callers:\n  a: {}\n  a: {}\n",
      "OTA_CONFIG: FILE cannot be read: Map keys must be unique",
    ],
  ])("refuses %s", (_, text, mistake) => {
    const { mistakes } = read(text);
    expect(mistakes).toHaveLength(1);
    expect(mistakes[0]).toContain(mistake);
    expect(mistakes[0]).not.toContain("\n");
  });

  it("says which file cannot be read", () => {
    const mistakes: string[] = [];
    readConfigFile("/no/such/file.yaml", DEFAULTS, mistakes);
    expect(mistakes).toEqual([expect.stringContaining("OTA_CONFIG: /no/such/file.yaml cannot be read: ENOENT")]);
  });
});

describe("readConfig", () => {
  it("reads the file that OTA_CONFIG names, and tells its mistakes together with its own", () => {
    const path = fileOf("callers:\n  a: { weight: 3 }\n");
    expect(readConfig({ OTA_CONFIG: path }).callers.get("a")).toEqual({ weight: 3, verify: true });
    expect(readConfig({}).callers.size).toBe(0);
    const wrong = fileOf("callers: 7\n");
    expect(() => readConfig({ OTA_CONFIG: wrong, OTA_LOG_LEVEL: "loud" })).toThrow(ConfigError);
    try {
      readConfig({ OTA_CONFIG: wrong, OTA_LOG_LEVEL: "loud" });
    } catch (error) {
      expect((error as ConfigError).mistakes).toHaveLength(2);
    }
  });

  it.each(["", "# nothing yet\n", "{}\n"])("refuses an empty file beside bearer tokens: %j", (text) => {
    const tokens = { OTA_JWT_JWKS: "keys.json", OTA_JWT_ISSUER: "https://issuer.example", OTA_JWT_AUDIENCE: "gateway" };
    const path = fileOf(text);
    expect(() => readConfig({ ...tokens, OTA_CONFIG: path })).toThrow(/OTA_CONFIG: .* is empty; expected callers/);
    expect(readConfig({ OTA_CONFIG: path }).callers.size).toBe(0);
    expect(readConfig(tokens).callers.size).toBe(0);
  });

  it("refuses plain http to an account's endpoint on another machine", () => {
    const path = fileOf("accounts:\n  europe: { endpoint: http://192.0.2.1 }\n");
    expect(() => readConfig({ OTA_CONFIG: path })).toThrow(/accounts\.europe: http:\/\/192\.0\.2\.1 would carry/);
  });
});
