// The examples as their READMEs show them: built by the commands there, and run against a gateway,
// each on a list and a rollout of its own. The one for HTTP gets the requests of docs/http.md.
import { type ChildProcess, execFile, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { Metadata, status } from "@grpc/grpc-js";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Emulator, startEmulator } from "../../src/emulator/server.js";
import { seededName } from "../../src/emulator/state/seeded-name.js";
import { GatewayError } from "../../src/gateway/failures.js";
import { Operation, type OperationsServer, OperationsService } from "../../src/gen/google/longrunning/operations.js";
import { StopRolloutResponse } from "../../src/gen/ota/v1/ota_service.js";
import { wireErrorOf } from "../../src/grpc/wire/status.js";
import { startDnsServer } from "../support/dns-server.js";
import { accepted, listenOta } from "../support/fake-ota-service.js";
import { startFleetLoad } from "../support/fleet-load.js";
import { listenGrpc } from "../support/grpc-server.js";
import { endPrograms, type GatewayProgram, runGateway, until } from "../support/processes.js";
import { BACKLOGS, startPair } from "../support/rolling-restart.js";
import { REQUIREMENTS, systemHas } from "../support/system.js";
import { GO_BUILD, startTranscoder, type Transcoder } from "../support/transcoder.js";

const run = promisify(execFile);

const LIST = 4000;
const NAMES = Array.from({ length: LIST }, (_, index) => seededName(index + 100));
const ROLLOUT = { kind: "dynamic", devices: 300, states: { NOTIFIED: 20, SUCCEEDED: 5 } } as const;

const CAN_RUN = { node: true, go: systemHas("go"), java: systemHas("java"), python: systemHas("python") };

const TYPES = "type.googleapis.com/ota.v1.";

const CAN_TRANSLATE = CAN_RUN.go && systemHas("transcoder");

/** Java reads its options from this file. */
const BOOT_PATH = "@bootpath";

type Language = keyof typeof CAN_RUN;

const LANGUAGES = Object.keys(CAN_RUN) as Language[];

/** Those that are put under load while gateways are replaced. rolling-restart.test.ts does that in Node. */
const RESTARTED = (["go", "java", "python"] as const).filter((language) => CAN_RUN[language]);

const folder = mkdtempSync(join(tmpdir(), "ota-gateway-examples-"));
let emulator: Emulator;
let gateway: GatewayProgram;
let transcoder: Transcoder | undefined;
const examples = new Map<Language, Example>();

beforeAll(async () => {
  symlinkSync(resolve("proto"), join(folder, "proto"));
  symlinkSync(resolve("node_modules"), join(folder, "node_modules"));
  emulator = await startEmulator({ listen: "127.0.0.1:0", devices: LIST + 100 });
  for (const language of [...LANGUAGES, "http"]) {
    emulator.startRollout({ ...ROLLOUT, productKey: `product-${language}`, firmwareId: `firmware-${language}` });
  }
  gateway = await runGateway(emulator.url);
  const build = async (language: Language) => void examples.set(language, await built(language));
  await Promise.all(LANGUAGES.filter((language) => CAN_RUN[language]).map(build));
  // After the one in Go, which compiles the same libraries.
  if (CAN_TRANSLATE) transcoder = await startTranscoder(join(folder, "examples"), gateway.grpc);
});

afterAll(async () => {
  await transcoder?.close();
  await endPrograms();
  await emulator.close();
  rmSync(folder, { recursive: true, force: true });
});

// At the same time, because most of it is waiting.
describe.concurrent("an example", () => {
  for (const language of LANGUAGES) {
    it.runIf(CAN_RUN[language])(`in ${language} cancels, and reads why not`, async () => {
      const { run, runWith } = exampleIn(language);
      const empty = { OTA_TOKEN: "", OTA_PRODUCT_KEY: "" }; // counts as unset (was: in Go only)
      const plain = { JDK_JAVA_OPTIONS: "" }; // by the class path of the README alone
      expect(await runWith({ ...empty, ...plain }, "cancel", "device-0000001", "typo-1")).toEqual([
        "device-0000001 ACCEPTED",
        "typo-1 REJECTED REJECTED iot.device.NotExistedDevice",
      ]);
      expect(await run("cancel", "x")).toEqual([
        "INVALID_ARGUMENT INVALID_REQUEST: 1 violation(s), the first: device_names[0] must be 4-32 of A-Za-z0-9-_@.:, has 1",
        "  device_names[0] must be 4-32 of A-Za-z0-9-_@.:, has 1",
        "exit code 1",
      ]);
    });

    it.runIf(CAN_RUN[language])(`in ${language} says how it is used, and exits with 2`, async () => {
      const { run } = exampleIn(language);
      for (const words of [[], ["cancel"], ["submit", "list-7"], ["rollout", "now"], ["stop", "stop-7", "8s"]]) {
        const lines = await run(...words);
        expect(lines.join("\n"), words.join(" ")).toContain("stop REQUEST_ID [SETTLE_SECONDS]");
        expect(lines.at(-1), words.join(" ")).toBe("exit code 2");
      }
    });

    it.runIf(CAN_RUN[language])(
      `in ${language} is killed while its list is canceled, and reports it all the same`,
      async () => {
        const { home, run, killAtFirstLine } = exampleIn(language);
        const request = ["submit", `list-${language}`, "list.txt"];
        // With an empty line (was: a name without characters, in Node and Java).
        writeFileSync(join(home, "list.txt"), [...NAMES, "", "typo-2", ""].join("\n"));
        const name = await killAtFirstLine(...request);
        const report = [
          "DONE",
          `  ACCEPTED ${LIST}`,
          "  REJECTED 1",
          "typo-2 REJECTED REJECTED iot.device.NotExistedDevice",
        ];
        expect(await run(...request)).toEqual([`reattached to ${name}`, ...report]);
        // Without what it stored, it sends the list again, and gets the same operation.
        rmSync(join(home, `list-${language}.operation`));
        expect(await run(...request)).toEqual([`stored as ${name}`, ...report]);
      },
    );

    it.runIf(CAN_RUN[language])(`in ${language} shows what a stop would reach, and stops it`, async () => {
      const { run } = exampleIn(language);
      const before = jobOf(language);
      expect(await run("rollout")).toEqual(["DYNAMIC IN_PROGRESS open 295 installed 5"]);
      expect(jobOf(language)).toEqual(before);
      // It ends once it is proved, which takes seven seconds where nothing else wants the quota.
      const [dryRun, stored, ...report] = await run("stop", `stop-${language}`, "60");
      expect([dryRun, ...report]).toEqual([
        "DYNAMIC IN_PROGRESS open 295 installed 5",
        "stopped true",
        "  DYNAMIC left 0 may still install 20",
      ]);
      expect(stored).toMatch(/^stored as operations\//);
      expect(jobOf(language)).toMatchObject({ isOpenToDevices: false, tasks: { CANCELED: 295, SUCCEEDED: 5 } });
      const again = await run("stop", `stop-${language}`, "60");
      expect(again).toEqual([stored?.replace("stored as", "reattached to"), ...report]);
    });
  }

  it.runIf(CAN_TRANSLATE)("for HTTP answers the requests of docs/http.md", async () => {
    const page = readFileSync("docs/http.md", "utf8");
    const commands = [...page.matchAll(/```sh\n(.*?)```/gs)]
      .flatMap(([, shell = ""]) => shell.replaceAll("\\\n", " ").split("\n"))
      .filter((command) => command.startsWith("curl "));
    const [cancel = "", quota = "", rollouts = "", stop = "", running = "", ...ofOperation] = commands;
    const [get = "", results = "", halt = "", remove = "", wrong = "", ...others] = ofOperation;
    expect(others).toEqual([]);
    const outcomes = [{ outcome: "OUTCOME_ACCEPTED" }, { outcome: "OUTCOME_REJECTED" }];
    expect(await curl(cancel)).toMatchObject({ results: outcomes });
    expect(await curl(quota)).toMatchObject({ account: "default", callsPerSecond: 10 });
    expect(await curl(rollouts)).toMatchObject({ jobs: [{ kind: "JOB_KIND_DYNAMIC", counts: { notified: "20" } }] });
    const { name } = (await curl(stop)) as { readonly name: string };
    expect(await curl(running)).toMatchObject({
      operations: expect.arrayContaining([expect.objectContaining({ name })]),
    });
    await until(async () => (await curl(get, name))["done"] === true);
    expect(await curl(get, name)).toMatchObject({ response: { stopped: true, jobs: [{ mayStillInstall: "20" }] } });
    const installed = { outcome: "OUTCOME_ALREADY_FINISHED" };
    expect(await curl(results, name)).toMatchObject({ results: Array.from({ length: 5 }, () => installed) });
    expect([await curl(halt, name), await curl(remove, name)]).toEqual([{}, {}]);
    expect(await curl(get, name)).toMatchObject({ code: 5, details: [{ reason: "OPERATION_NOT_FOUND" }] });
    const [, shown = ""] = /```json\n(.*?)```/s.exec(page) ?? [];
    expect(await curl(wrong)).toEqual(JSON.parse(shown));
  });
});

// By itself: it takes a whole processor, and most of what the tests above do is waiting.
describe.runIf(RESTARTED.length > 0)("an example under load", () => {
  it("fails no request while two gateways are replaced (was: the fifth attempt, too, met the one that drains)", async () => {
    const pair = await startPair(...RESTARTED.map((language) => `fleet-${language}`));
    const hosts = pair.addresses.map((address) => address.split(":")[0] as string);
    const target = pair.addresses[0]?.replace(/.*:/, "gateways.test:");
    const dns = await startDnsServer(hosts);
    const hostsFile = join(folder, "hosts");
    writeFileSync(hostsFile, hosts.map((host) => `${host} gateways.test\n`).join(""));
    const byDns = { OTA_ADDRESS: `dns://${dns.address}/${target}` };
    const byFile = { OTA_ADDRESS: target, JDK_JAVA_OPTIONS: `${BOOT_PATH} -Djdk.net.hosts.file=${hostsFile}` };
    const variables = { go: byDns, python: byDns, java: byFile };
    const loads = RESTARTED.map((language) =>
      startFleetLoad(exampleIn(language).beginLoad(variables[language]), pair.names),
    );
    expect(await Promise.race([pair.restart(), ...loads.map(({ ended }) => ended)])).toBe(BACKLOGS);
    await Promise.all(loads.map((load) => load.stop()));
    dns.close();
    expect(loads.map(({ failed }) => failed)).toEqual(loads.map(() => []));
    const accepted = loads.map((load) => load.accepted);
    for (const devices of accepted) expect(devices).toBeGreaterThan(100);
    const { devicesCanceled } = await pair.emulator.stats();
    expect(devicesCanceled).toBe(accepted.reduce((sum, devices) => sum + devices, BACKLOGS));
  });
});

/** What their libraries say of an attempt on a connection that was just closed, or takes nothing new. */
const NOT_READ = [
  ["go", "the connection is draining"],
  ["go", "transport is closing"],
  ["java", "Abrupt GOAWAY closed sent stream. HTTP/2 error code: NO_ERROR"],
] as const;

describe("an example that is refused", () => {
  it.each(NOT_READ.filter(([language]) => CAN_RUN[language]))(
    "in %s asks again while attempts meet connections that are closed: %s",
    async (language, details) => {
      let attempts = 0;
      const OTA_ADDRESS = await listenOta({
        // More than the attempts of the service config.
        cancel: ({ request }) =>
          ++attempts <= 6
            ? { code: status.UNAVAILABLE, details, metadata: new Metadata() }
            : accepted(request.deviceNames),
      });
      expect(await exampleIn(language).runWith({ OTA_ADDRESS }, "cancel", "device-0000001")).toEqual([
        "device-0000001 ACCEPTED",
      ]);
      expect(attempts).toBe(7);
    },
  );

  it.each(LANGUAGES.filter((language) => CAN_RUN[language]))(
    "in %s asks again where that helps, while a gateway drains, by its own name and with a deadline, and else says when",
    async (language) => {
      const throttled = new GatewayError({ kind: "throttled", message: "too many" }, { retryAfterMs: 300 });
      const draining = new GatewayError({ kind: "draining", message: "shutting down" }, { retryAfterMs: 50 });
      const tooShort = new GatewayError({ kind: "deadline-too-short", message: "too late" }, { retryAfterMs: 3500 });
      // The service config gives up after five attempts.
      const refusals = [throttled, throttled, ...Array.from({ length: 6 }, () => draining), undefined, tooShort];
      const callers: unknown[] = [];
      const deadlines: unknown[] = [];
      const OTA_ADDRESS = await listenOta({
        cancel: (call) => {
          const refusal = refusals[callers.length];
          callers.push(...call.metadata.get("x-ota-caller"));
          deadlines.push(call.getDeadline());
          return refusal ? wireErrorOf(refusal) : accepted(call.request.deviceNames);
        },
      });
      const { runWith } = exampleIn(language);
      expect(await runWith({ OTA_ADDRESS }, "cancel", "device-0000001")).toEqual(["device-0000001 ACCEPTED"]);
      expect(await runWith({ OTA_ADDRESS }, "cancel", "device-0000001")).toEqual([
        "DEADLINE_EXCEEDED DEADLINE_TOO_SHORT: too late",
        "  retry after 3.5 s",
        "exit code 1",
      ]);
      expect(callers).toEqual(refusals.map(() => `fleet-${language}`));
      expect(deadlines).not.toContain(Number.POSITIVE_INFINITY);
    },
  );
});

describe.runIf(RESTARTED.length > 0)("an example that waits for an operation", () => {
  it.each(RESTARTED)(
    "in %s pauses where it is answered at once, as by a gateway that shuts down (was: asked again without a pause)",
    async (language) => {
      const askedMs: number[] = [];
      const report = StopRolloutResponse.fromPartial({ stopped: true, jobs: [{ left: 0n }] });
      const response = {
        typeUrl: `${TYPES}StopRolloutResponse`,
        value: Buffer.from(StopRolloutResponse.encode(report).finish()),
      };
      const metadata = { typeUrl: `${TYPES}StopRolloutMetadata`, value: Buffer.alloc(0) };
      const waitOperation: OperationsServer["waitOperation"] = ({ request: { name } }, callback) => {
        askedMs.push(performance.now());
        const isDone = askedMs.length > 2;
        const result = isDone ? ({ $case: "response", response } as const) : undefined;
        callback(null, Operation.fromPartial({ name, done: isDone, metadata, result }));
      };
      const OTA_ADDRESS = await listenGrpc([OperationsService, { waitOperation }]);
      const { home, runWith } = exampleIn(language);
      const name = "operations/00000000000000000000000000";
      writeFileSync(join(home, "paused.operation"), name);
      // Nothing is known of its batch (was: the example in Go ended with a panic).
      expect(await runWith({ OTA_ADDRESS }, "stop", "paused")).toEqual([
        `reattached to ${name}`,
        "stopped true",
        "  UNSPECIFIED left 0 may still install 0",
      ]);
      const [first = 0, second = 0, third = 0] = askedMs;
      expect(Math.min(second - first, third - second)).toBeGreaterThan(450);
    },
  );
});

describe("the packages in the README of an example", () => {
  it.each(["go", "java", "python"] as const)("are those that the test of %s installs", (language) => {
    const [installation] = shellOf(language);
    expect(installation?.trim()).toBe(`apt-get install ${REQUIREMENTS[language].packages.join(" ")}`);
  });

  it("are those that the test of http installs and unpacks", () => {
    const { packages, unpacked } = REQUIREMENTS.transcoder;
    const [installation] = shellOf("http");
    expect(installation).toContain(`apt-get install ${[...packages, ...REQUIREMENTS.go.packages].join(" ")}\n`);
    expect(installation).toContain(`apt-get download ${unpacked?.join(" ")}\n`);
  });
});

/** The answer to a command of docs/http.md, on the rollout of this test, and for an operation. */
async function curl(command: string, operation = ""): Promise<Record<string, unknown>> {
  const own = command
    .replaceAll("127.0.0.1:8080", transcoder?.address ?? "")
    .replaceAll("operations/01…", operation)
    .replaceAll(/(\/v1\/rollouts.*)a1EmulatorPk(.*)EmulatedFirmware0000030100/gs, "$1product-http$2firmware-http");
  const { stdout } = await run("sh", ["-ec", own]); // not in this thread, where the emulator runs
  return JSON.parse(stdout) as Record<string, unknown>;
}

/** The blocks of shell in its README. */
function shellOf(language: Language | "http"): string[] {
  const readme = readFileSync(`examples/${language}/README.md`, "utf8");
  return [...readme.matchAll(/```sh\n(.*?)```/gs)].map(([, shell = ""]) => shell);
}

function exampleIn(language: Language): Example {
  return examples.get(language) as Example;
}

function jobOf(language: Language) {
  return emulator.rollouts().find(({ productKey }) => productKey === `product-${language}`);
}

interface Example {
  readonly home: string;
  /** The lines that it prints, and its exit code unless it is 0. */
  run(...words: string[]): Promise<string[]>;
  runWith(variables: NodeJS.ProcessEnv, ...words: string[]): Promise<string[]>;
  /** Returns the name of the operation that its first line reports. */
  killAtFirstLine(...words: string[]): Promise<string>;
  /** Starts the program of test/support/load, which was built with it. */
  beginLoad(variables: NodeJS.ProcessEnv): ChildProcess;
}

/** Copied and built as its README says, and run by the command there. */
async function built(language: Language): Promise<Example> {
  const home = join(folder, "examples", language);
  cpSync(join("examples", language), home, {
    recursive: true,
    filter: (path) => !/\/(gen|gopath|classes|node_modules)$/.test(path),
  });
  const load = join("test/support/load", language);
  if (existsSync(load)) cpSync(load, home, { recursive: true });
  const blocks = shellOf(language);
  const env = {
    PATH: `${resolve("node_modules/.bin")}:${process.env["PATH"]}`,
    HOME: home,
    ...GO_BUILD,
    JAVA_TOOL_OPTIONS: "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC", // short programs: half the processor time
    PYTHONDONTWRITEBYTECODE: "1",
    NODE_COMPILE_CACHE: join(home, ".compiled"), // two fifths less for a start
    OTA_ADDRESS: gateway.grpc,
  };
  const start = (shell: string, variables: NodeJS.ProcessEnv, stdin: "ignore" | "pipe" = "ignore") =>
    spawn("sh", ["-ec", shell], {
      cwd: home,
      env: { ...env, ...variables },
      stdio: [stdin, "pipe", "pipe"],
      detached: true,
    });
  if (language === "node") {
    execFileSync(process.execPath, ["scripts/pack-client.mjs", home], { stdio: "pipe" });
    const client = join(home, "node_modules/ota-gateway-client");
    mkdirSync(client, { recursive: true });
    execFileSync("sh", ["-ec", `tar -xzf *.tgz -C ${client} --strip-components=1`], { cwd: home });
  } else {
    expect(await printedBy(start(blocks[1] ?? "", {}))).toEqual([]);
  }
  if (language === "java") {
    // The class path of the README, loaded as Java's own classes are, in native code and without
    // verification: two fifths less processor time for a start. `cancel` runs without it once.
    const path = readFileSync(join(home, "classpath"), "utf8").replace(/^-cp /, "-Xbootclasspath/a:");
    writeFileSync(join(home, "bootpath"), path);
    Object.assign(env, { JDK_JAVA_OPTIONS: BOOT_PATH });
  }
  // How the README runs it.
  const [, setting = "", command = ""] =
    /^(export \S+\n)?(.*) cancel device-0000001 typo-1$/m.exec(blocks.at(-1) ?? "") ?? [];
  const product = { OTA_PRODUCT_KEY: `product-${language}`, OTA_FIRMWARE_ID: `firmware-${language}` };
  const begin = (words: readonly string[], variables: NodeJS.ProcessEnv) =>
    start(
      `${setting}exec ${command} ${words.join(" ")}`,
      words[0] === "rollout" || words[0] === "stop" ? { ...product, ...variables } : variables,
    );
  return {
    home,
    run: (...words) => printedBy(begin(words, {})),
    runWith: (variables, ...words) => printedBy(begin(words, variables)),
    async killAtFirstLine(...words) {
      const program = begin(words, {});
      const over = once(program, "close");
      const [line] = (await once(program.stdout?.setEncoding("utf8") as NodeJS.ReadableStream, "data")) as [string];
      program.kill("SIGKILL"); // `exec` made it the process of the shell
      await over;
      return /^stored as (operations\/\S+)\n/.exec(line)?.[1] ?? `no operation: ${line}`;
    },
    beginLoad: (variables) =>
      start(
        `${setting}exec ${command.replace(/Fleet$/, "Load").replace("fleet.py", "load.py")} load`,
        variables,
        "pipe",
      ),
  };
}

/**
 * Lines of standard output, or of standard error if it fails without any. Prefixes of enums are left
 * out, because the client for Node has none.
 */
async function printedBy(program: ChildProcess): Promise<string[]> {
  let printed = "";
  let errors = "";
  program.stdout?.setEncoding("utf8").on("data", (text: string) => {
    printed += text;
  });
  program.stderr?.setEncoding("utf8").on("data", (text: string) => {
    errors += text;
  });
  const [code] = await once(program, "close");
  if (code !== 0) printed += `${printed === "" ? errors : ""}exit code ${code}\n`;
  return printed
    .replaceAll(/\b(OUTCOME|OPERATION_STATE|JOB_KIND)_/g, "")
    .split("\n")
    .slice(0, -1);
}
